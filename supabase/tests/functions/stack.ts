// The running stack for the function tests: PostgreSQL, PostgREST and the functions are real; Auth, the gateway, the Vault's cipher
// and the providers are doubles.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import pg from "pg";

export const stack: Record<string, string> = JSON.parse(Deno.env.get("STACK")!);
export const consoleOrigin = new URL(stack.console_url).origin;
export const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

export interface Answer {
  status: number;
  headers: Headers;
  // deno-lint-ignore no-explicit-any -- tests read arbitrary answers.
  body: any;
}

export async function request(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, { redirect: "manual", ...init });
  const text = await response.text();
  const isJson = (response.headers.get("content-type") ?? "").includes("json");
  return {
    status: response.status,
    headers: response.headers,
    body: isJson && text ? JSON.parse(text) : text,
  };
}

export function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return request(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

/** Runs SQL as the superuser. */
// deno-lint-ignore no-explicit-any -- rows have any selected columns.
export async function sql(text: string, values: unknown[] = []): Promise<any[]> {
  const client = new pg.Client(stack.database_url);
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}

/** A user with a role that permits these modules. */
export class User {
  constructor(
    readonly id: string,
    readonly email: string,
    readonly role: string,
    readonly token: string,
  ) {}

  static async create(modules: string[] = [], { admin = false } = {}): Promise<User> {
    const email = `${crypto.randomUUID()}@example.com`;
    await sql("insert into public.allowed_emails (email) values ($1)", [email]);
    const { body: account } = await post(`${stack.gateway_url}/test/user`, { email });
    await sql("update public.users set system_role = 'admin' where id = $1", [account.id]);
    const [{ id: role }] = await sql("insert into public.roles (name) values ($1) returning id", [
      email,
    ]);
    await sql("insert into public.user_roles (user_id, role_id) values ($1, $2)", [
      account.id,
      role,
    ]);
    for (const module of modules) {
      await sql(
        "insert into public.role_permissions (role_id, module, tools) values ($1, $2, '{*}')",
        [role, module],
      );
    }
    if (!admin) await demote(account.id);
    return new User(account.id, email, role, (await mint(email)).access_token);
  }

  get bearer(): Record<string, string> {
    return { authorization: `Bearer ${this.token}`, apikey: stack.anon_key };
  }

  /** A call as the MCP server makes it. */
  ask(name: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return post(`${stack.functions_url}/${name}`, body, {
      ...this.bearer,
      apikey: stack.broker_key,
      ...headers,
    });
  }

  exchange(service: string, more: Record<string, unknown> = {}): Promise<Answer> {
    return this.ask("token-exchanger", { service, ...more });
  }

  /** A call of the REST API, as the console makes it. */
  rest(name: string, body: unknown): Promise<Answer> {
    return post(`${stack.rest_url}/${name}`, body, {
      ...this.bearer,
      prefer: "return=representation",
    });
  }

  start(body: Record<string, unknown>): Promise<Answer> {
    return post(`${stack.functions_url}/oauth-callback/start`, body, {
      ...this.bearer,
      origin: consoleOrigin,
    });
  }

  /** Connects a service as a browser and the console would; gives how it ended. */
  async connect(
    service: string,
    more: Record<string, unknown> = {},
  ): Promise<Record<string, string>> {
    const started = await this.start({ service, ...more });
    assert.equal(started.status, 200, JSON.stringify(started.body));
    const back = await follow(started.body.authorize_url);
    return "handle" in back ? await this.finish(back.handle) : back;
  }

  /** Finishes a connection as the console does. */
  async finish(handle: string): Promise<Record<string, string>> {
    const { status, body } = await this.rest("rpc/finish_oauth", { handle });
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  }
}

/** Ensures that there is another admin, so that this user is not one. */
async function demote(id: string): Promise<void> {
  await admin();
  await sql("update public.users set system_role = 'user' where id = $1", [id]);
}

let first: Promise<User> | undefined;

/** The admin of the whole run; has registered an OAuth app for each service. */
export function admin(): Promise<User> {
  first ??= makeAdmin();
  return first;
}

async function makeAdmin(): Promise<User> {
  const user = await User.create([], { admin: true });
  for (const service of [
    "github",
    "notion",
    "jira",
    "confluence",
    "supabase",
    "google_calendar",
    "microsoft_todo",
  ]) {
    const app = {
      service,
      client_id: `app-${service}`,
      client_secret: `canary-secret-of-app-${service}`,
    };
    const saved = await user.rest("rpc/save_oauth_app", app);
    assert.equal(saved.status, 204, JSON.stringify(saved.body));
  }
  return user;
}

/** Runs something while other things are switched on in Auth than supabase/config.toml says. */
export async function withAuth<T>(
  settings: Record<string, boolean>,
  run: () => Promise<T>,
): Promise<T> {
  const { body: before } = await post(`${stack.gateway_url}/test/settings`, settings);
  try {
    return await run();
  } finally {
    await post(`${stack.gateway_url}/test/settings`, before);
  }
}

/** A request to Auth with the project's publishable key, which is public, and a token if there is one. */
export function auth(
  method: string,
  path: string,
  body?: unknown,
  token?: string,
): Promise<Answer> {
  return request(`${stack.issuer}/${path}`, {
    method,
    headers: {
      "content-type": "application/json",
      apikey: stack.anon_key,
      ...(token && { authorization: `Bearer ${token}` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

const VERIFIER = "a-verifier-that-is-as-long-as-rfc-7636-wants-it";
const REDIRECT = "http://127.0.0.1:7777/callback";

/** An MCP client that registered itself, as anybody can. */
export class Client {
  constructor(readonly id: string) {}

  static async register(name = "a client"): Promise<Client> {
    const { body } = await auth("POST", "oauth/clients/register", {
      redirect_uris: [REDIRECT],
      client_name: name,
    });
    return new Client(body.client_id);
  }

  /** Begins an authorization; gives its id, which the consent page gets. */
  async begin(scope = "email"): Promise<string> {
    const challenge = createHash("sha256").update(VERIFIER).digest("base64url");
    const query = new URLSearchParams({
      client_id: this.id,
      redirect_uri: REDIRECT,
      response_type: "code",
      code_challenge: challenge,
      code_challenge_method: "S256",
      scope,
      state: "s",
    });
    const { headers } = await request(`${stack.issuer}/oauth/authorize?${query}`);
    return new URL(headers.get("location")!).searchParams.get("authorization_id")!;
  }

  /** Asks Auth for the consent with this token; returns the code. */
  async consent(authorizationId: string, token: string): Promise<string> {
    const path = `oauth/authorizations/${authorizationId}`;
    const read = await auth("GET", path, undefined, token);
    const { body } = read.body.redirect_url
      ? read
      : await auth("POST", `${path}/consent`, { action: "approve" }, token);
    return new URL(body.redirect_url).searchParams.get("code")!;
  }

  token(form: Record<string, string>): Promise<Answer> {
    return request(`${stack.issuer}/oauth/token`, {
      method: "POST",
      body: new URLSearchParams({ client_id: this.id, ...form }),
    });
  }

  exchange(code: string): Promise<Answer> {
    return this.token({
      grant_type: "authorization_code",
      code,
      redirect_uri: REDIRECT,
      code_verifier: VERIFIER,
    });
  }

  /** Is allowed by a user in the console, and gets its tokens; `limits` are those of allow_client. */
  async connect(user: User, limits: Record<string, unknown> = {}): Promise<Connected> {
    const id = await this.begin();
    const allowed = await user.rest("rpc/allow_client", { p_authorization_id: id, ...limits });
    assert.equal(allowed.status, 200, JSON.stringify(allowed.body));
    const { status, body } = await this.exchange(await this.consent(id, user.token));
    assert.equal(status, 200, JSON.stringify(body));
    return {
      user: new User(user.id, user.email, user.role, body.access_token),
      refresh: body.refresh_token,
    };
  }
}

/** A user's client: what it can ask for with its token. */
export interface Connected {
  user: User;
  refresh: string;
}

export const claims = (token: string) =>
  JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString("utf8"));

// deno-lint-ignore no-explicit-any -- a session of Auth.
export async function mint(email: string, options: Record<string, unknown> = {}): Promise<any> {
  return (await post(stack.mint_url, { email, ...options })).body;
}

/** Goes through the provider's consent and back; gives the query of the page that it ends on. */
export async function follow(authorizeUrl: string): Promise<Record<string, string>> {
  const consent = await request(authorizeUrl);
  assert.equal(consent.status, 302, JSON.stringify(consent.body));
  return await comeBack(consent.headers.get("location")!);
}

export async function comeBack(url: string): Promise<Record<string, string>> {
  const answer = await request(url);
  assert.equal(answer.status, 303);
  const location = new URL(answer.headers.get("location")!);
  assert.equal(`${location.origin}${location.pathname}`, `${stack.console_url}/oauth/done`);
  return Object.fromEntries(location.searchParams);
}

/** Changes how the providers behave while something runs. */
export async function providers<T>(
  settings: Record<string, unknown>,
  run: () => Promise<T>,
): Promise<T> {
  await post(`${stack.provider_url}/control`, settings);
  try {
    return await run();
  } finally {
    await post(`${stack.provider_url}/control`, {
      expires_in: 3600,
      fail: 0,
      deny: false,
      delay_ms: 0,
      answer: null,
      sites: null,
      fail_services: 0,
    });
  }
}

export async function counts(): Promise<{ exchanges: number; refreshes: number; reuses: number }> {
  return (await request(`${stack.provider_url}/counts`)).body;
}

/** How often one of the services was asked, by its address without a scheme. */
export async function services(address: string): Promise<number> {
  return (await request(`${stack.provider_url}/asked`)).body[address] ?? 0;
}

/** Waits for what happens a moment later. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, "it does not happen");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Holds that an answer is a failure of this kind, with a message for people. */
export function fails(answer: Answer, status: number, code: string): void {
  assert.deepEqual(
    [answer.status, answer.body?.error?.code],
    [status, code],
    JSON.stringify(answer.body),
  );
  assert.equal(typeof answer.body.error.message, "string");
}
