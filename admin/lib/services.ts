import "server-only";
import { database, rows } from "./database";
import type { Connection, Module } from "./database.types";

/** What of a connection may be read. */
export const CONNECTION = "id, user_id, role_id, service, account, scopes, expires_at, status, last_used_at, created_at";
export type OwnConnection = Pick<Connection, "id" | "service" | "account" | "scopes" | "expires_at" | "status" | "last_used_at" | "created_at">;

export type ServiceState = "ready" | "connect" | "reconnect" | "broken";

export interface Service {
  module: Module;
  /** The tools that the user may use; none: the module is not theirs. */
  tools: string[];
  connections: OwnConnection[];
  state: ServiceState;
  /** Whether an OAuth app is registered for it. */
  hasOAuth: boolean;
}

/** Every module with what the user has of it. */
export async function servicesOf(userId: string): Promise<Service[]> {
  const supabase = await database();
  const [permitted, modules, connections, connectable] = await Promise.all([
    supabase.rpc("effective_tools", { p_user: userId }).then(rows),
    supabase.from("module_registry").select("*").order("display_name").then(rows),
    supabase.from("oauth_tokens").select(CONNECTION).eq("user_id", userId).order("account").then(rows),
    supabase.rpc("connectable_services").then(rows),
  ]);
  return modules.map((module) => {
    const own = connections.filter(({ service }) => service === module.module);
    return {
      module,
      tools: permitted.filter((tool) => tool.module === module.module).map(({ tool }) => tool),
      connections: own,
      state: module.status === "broken" ? "broken" : stateOf(own),
      hasOAuth: connectable.includes(module.module),
    };
  });
}

function stateOf(connections: OwnConnection[]): ServiceState {
  if (connections.some(({ status }) => status === "reconnect_required")) return "reconnect";
  return connections.length > 0 ? "ready" : "connect";
}
