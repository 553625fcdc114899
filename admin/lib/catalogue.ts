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

/** What the server offers: scripts/catalogue.mjs writes it from the server's own words. */
export const catalogue: readonly CatalogueModule[] = entries;

export const inCatalogue = (module: string | undefined) =>
  catalogue.find((entry) => entry.module === module);
