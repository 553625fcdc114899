import "server-only";
import entries from "@/catalogue.json";

export interface Tool {
  tool: string;
  description: string;
  read_only: boolean;
  destructive: boolean;
}
export interface CatalogueModule {
  module: string;
  description: string;
  tools: Tool[];
}

/** The server's modules and tools, written by scripts/catalogue.mjs. */
export const catalogue: readonly CatalogueModule[] = entries;

export const inCatalogue = (module: string | undefined) =>
  catalogue.find((entry) => entry.module === module);
