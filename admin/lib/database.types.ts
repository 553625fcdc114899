// The tables and functions of the control plane that a signed-in user can reach (supabase/migrations).

type Table<Row, Insert = never, Update = never> = {
  Row: Row;
  Insert: Insert;
  Update: Update;
  Relationships: [];
};
type Stamped = { created_at: string; updated_at: string };

export type SystemRole = "admin" | "user";
export type ModuleStatus = "stable" | "deprecated" | "broken";
export type RequestStatus = "open" | "granted" | "declined";

export type User = Stamped & {
  id: string;
  email: string;
  display_name: string | null;
  system_role: SystemRole;
  disabled_at: string | null;
};
/** Who must confirm destructive tools: the model sends back a code, or a person decides. */
export type Confirm = "code" | "human";
export type Role = Stamped & {
  id: string;
  name: string;
  description: string;
  read_only: boolean;
  /** Null: the server's own policy. */
  confirm: Confirm | null;
};
export type Permission = { module: string; tools: string[]; denied_tools: string[] };
export type RolePermission = Stamped & Permission & { role_id: string };
export type Connection = Stamped & {
  id: string;
  user_id: string | null;
  role_id: string | null;
  service: string;
  account: string;
  token_type: "bearer" | "basic";
  scopes: string[];
  expires_at: string | null;
  status: "active" | "reconnect_required";
  metadata: Record<string, string>;
  last_used_at: string | null;
};
/** An account shared by a role, as its users see it. */
export type SharedAccount = Pick<Connection, "account" | "status"> & { role: string };
export type App = Stamped & {
  service: string;
  client_id: string;
  scopes: string[];
  tenant: string | null;
};
/** What a token or a client can use at most. */
export type Limits = {
  read_only: boolean;
  /** Null: all modules, including later ones. */
  modules: string[] | null;
  /** Null: no end; only tokens from before limits existed. */
  expires_at: string | null;
};
export type ApiToken = Limits & {
  id: string;
  user_id: string;
  name: string;
  last_used_at: string | null;
  revoked_at: string | null;
  created_at: string;
};
/** An OAuth client that the user has allowed. */
export type Client = Limits & {
  client_id: string;
  name: string | null;
  uri: string | null;
  redirect_uris: string[];
  registered: "dynamic" | "manual";
  granted_at: string;
  last_used_at: string | null;
  sessions: number;
};
/** An OAuth client's pending request. */
export type Authorization = {
  authorization_id: string;
  client: {
    id: string;
    name: string | null;
    uri: string | null;
    logo_uri: string | null;
    registered: "dynamic" | "manual";
    created_at: string;
  };
  redirect_uri: string;
  state: string | null;
  scopes: string[];
  expires_at: string;
  /** Whether the user has allowed this client before. */
  known: boolean;
  /** The limits chosen then. */
  limits: Limits | null;
};
/** A call that waits for the user's decision. */
export type PendingConfirmation = {
  id: string;
  tools: string[];
  client: string | null;
  created_at: string;
  expires_at: string;
};
/** `deed` is the MCP server's JSON, unchanged, as text. */
export type Confirmation = Omit<PendingConfirmation, "tools"> & { deed: string };
export type Module = Stamped & {
  module: string;
  display_name: string;
  description: string;
  api_version: string;
  status: ModuleStatus;
  last_verified_at: string | null;
  notes: string;
};
export type AccessRequest = {
  id: string;
  user_id: string;
  module: string;
  tool: string | null;
  message: string;
  status: RequestStatus;
  decided_at: string | null;
  created_at: string;
};
export type AuditEvent = {
  id: string;
  at: string;
  user_id: string | null;
  action: string;
  module: string | null;
  tool: string | null;
  account: string | null;
  outcome: string;
  duration_ms: number | null;
  request_id: string | null;
  client: string | null;
  argument_names: string[];
};
export type Settings = {
  id: boolean;
  public_url: string | null;
  audit_retention_days: number;
  updated_at: string;
};
export type AllowedEmail = { email: string; role_id: string | null; created_at: string };

export type Database = {
  public: {
    Tables: {
      settings: Table<
        Settings,
        never,
        Partial<Pick<Settings, "public_url" | "audit_retention_days">>
      >;
      users: Table<
        User,
        never,
        Partial<Pick<User, "display_name" | "system_role" | "disabled_at">>
      >;
      roles: Table<
        Role,
        Pick<Role, "name"> & Partial<Role>,
        Partial<Pick<Role, "name" | "description" | "read_only" | "confirm">>
      >;
      user_roles: Table<
        { user_id: string; role_id: string; created_at: string },
        { user_id: string; role_id: string }
      >;
      role_permissions: Table<RolePermission>;
      allowed_emails: Table<
        AllowedEmail,
        Pick<AllowedEmail, "email" | "role_id">,
        Pick<AllowedEmail, "role_id">
      >;
      oauth_apps: Table<App>;
      oauth_tokens: Table<Connection>;
      api_tokens: Table<ApiToken>;
      module_registry: Table<
        Module,
        never,
        Partial<Pick<Module, "status" | "last_verified_at" | "notes" | "api_version">>
      >;
      access_requests: Table<
        AccessRequest,
        { module: string; tool?: string; message: string },
        { status: RequestStatus }
      >;
      audit_logs: Table<AuditEvent>;
    };
    Views: Record<never, never>;
    Functions: {
      effective_tools: { Args: { p_user: string }; Returns: { module: string; tool: string }[] };
      own_services: {
        Args: Record<never, never>;
        Returns: { module: string; shared: SharedAccount[] }[];
      };
      connectable_services: { Args: Record<never, never>; Returns: string[] };
      save_oauth_app: {
        Args: {
          service: string;
          client_id: string;
          client_secret?: string;
          scopes?: string[];
          tenant?: string;
        };
        Returns: undefined;
      };
      connect_with_token: {
        Args: {
          service: string;
          token: string;
          account?: string;
          token_type?: string;
          base_url?: string;
          shared_with_role?: string;
        };
        Returns: string;
      };
      finish_oauth: { Args: { handle: string }; Returns: Finished };
      save_role_permissions: {
        Args: { p_role: string; p_permissions: Permission[] };
        Returns: undefined;
      };
      create_api_token: {
        Args: { name: string; expires_at?: string; read_only?: boolean; modules?: string[] | null };
        Returns: { id: string; token: string; expires_at: string };
      };
      oauth_authorization: { Args: { p_authorization_id: string }; Returns: Authorization };
      allow_client: {
        Args: {
          p_authorization_id: string;
          p_read_only: boolean;
          p_modules: string[] | null;
          p_expires_at: string | null;
        };
        Returns: { expires_at: string };
      };
      my_clients: { Args: Record<never, never>; Returns: Client[] };
      limit_client: {
        Args: {
          p_client: string;
          p_read_only: boolean;
          p_modules: string[] | null;
          p_expires_at: string | null;
        };
        Returns: { expires_at: string };
      };
      revoke_client: { Args: { p_client: string }; Returns: undefined };
      my_confirmations: { Args: Record<never, never>; Returns: PendingConfirmation[] };
      confirmation: { Args: { p_id: string }; Returns: Confirmation };
      decide_confirmation: { Args: { p_id: string; p_yes: boolean }; Returns: undefined };
      delete_account: { Args: { p_user: string }; Returns: undefined };
      revoke_api_token: { Args: { id: string }; Returns: undefined };
      revoke_user_tokens: { Args: { p_user: string }; Returns: Revoked };
      revoke_all_tokens: { Args: Record<never, never>; Returns: Revoked };
    };
    Enums: Record<never, never>;
    CompositeTypes: Record<never, never>;
  };
};

/** `sessions` is null if Auth did not allow ending them. */
export type Revoked = {
  oauth_tokens: number;
  api_tokens: number;
  sessions: number | null;
  /** Tables of Auth that could not be cleared. */
  incomplete: string[];
};
export type Finished = {
  outcome:
    | "ok"
    | "unknown_state"
    | "replayed"
    | "other_user"
    | "expired"
    | "not_permitted"
    | "too_many_accounts";
  service?: string;
  account?: string;
};
