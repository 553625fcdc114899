import "server-only";
import { database, rows } from "./database";
import type { Connection, Module, SharedAccount } from "./database.types";

/** The readable columns of a connection. */
export const CONNECTION =
  "id, user_id, role_id, service, account, scopes, expires_at, status, last_used_at, created_at";
export type OwnConnection = Pick<
  Connection,
  "id" | "service" | "account" | "scopes" | "expires_at" | "status" | "last_used_at" | "created_at"
>;

export type ServiceState = "ready" | "connect" | "reconnect" | "broken";

export interface Service {
  module: Module;
  /** Whether the user's roles permit any of its tools, even while it is unavailable. */
  isMine: boolean;
  /** The tools that the user can use now. */
  tools: string[];
  connections: OwnConnection[];
  /** Accounts shared by the user's roles; used if the user has no account of their own. */
  shared: SharedAccount[];
  state: ServiceState;
  /** Whether an OAuth app is registered for it. */
  hasOAuth: boolean;
}

/** Returns every module with the user's tools, connections and state. */
export async function servicesOf(userId: string): Promise<Service[]> {
  const supabase = await database();
  const [mine, permitted, modules, connections, connectable] = await Promise.all([
    supabase.rpc("own_services").then(rows),
    supabase.rpc("effective_tools", { p_user: userId }).then(rows),
    supabase.from("module_registry").select("*").order("display_name").then(rows),
    supabase
      .from("oauth_tokens")
      .select(CONNECTION)
      .eq("user_id", userId)
      .order("account")
      .then(rows),
    supabase.rpc("connectable_services").then(rows),
  ]);
  return modules.map((module) => {
    const own = connections.filter(({ service }) => service === module.module);
    const entry = mine.find((service) => service.module === module.module);
    const shared = entry?.shared ?? [];
    return {
      module,
      isMine: entry !== undefined,
      tools: permitted.filter((tool) => tool.module === module.module).map(({ tool }) => tool),
      connections: own,
      shared,
      state: module.status === "broken" ? "broken" : stateOf(own, shared),
      hasOAuth: connectable.includes(module.module),
    };
  });
}

function stateOf(own: OwnConnection[], shared: SharedAccount[]): ServiceState {
  // The user's own accounts take precedence; the MCP server uses shared ones only if there are none.
  const used = own.length > 0 ? own : shared;
  if (used.length === 0) return "connect";
  const isOver = ({ status }: { status: string }) => status === "reconnect_required";
  return (own.length > 0 ? own.some(isOver) : shared.every(isOver)) ? "reconnect" : "ready";
}
