// A user who bypasses the console's pages: every admin page, Route Handler, action and RPC, and other users' rows.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { globSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { admin, post } from "./world.mjs";

const ADMIN_PAGES = globSync(path.join(admin, "app/(console)/admin/*/page.tsx")).map(
  (file) => `/admin/${path.basename(path.dirname(file))}`,
);
const ID = "00000000-0000-4000-8000-000000000000";
const BUDGET = 180 * 1024;

/** The URL path of a page in the build. */
const pathOf = (worker) =>
  worker
    .replace(/^app/, "")
    .replace("/(console)", "")
    .replace(/\/page$/, "") || "/";

async function saveGithubApp(world, boss) {
  const headers = { apikey: world.facts.anon_key, authorization: `Bearer ${await boss.token()}` };
  const saved = await post(
    `${world.facts.rest_url}/rpc/save_oauth_app`,
    { service: "github", client_id: "app-github", client_secret: "canary-secret-of-app-github" },
    headers,
  );
  assert.equal(saved.status, 204);
}

export const tests = {
  "a user is refused every admin page and Route Handler": async (world) => {
    await (await world.user("admin@example.com")).context().close();
    const page = await world.user("eve@example.com");
    assert.equal(ADMIN_PAGES.length, 6);
    for (const target of [...ADMIN_PAGES, "/admin", "/admin/users?user=x", "/admin/%75sers"]) {
      const response = await page.goto(target);
      assert.ok(
        response.status() === 403 || (response.status() === 404 && target.includes("%")),
        `${target}: ${response.status()}`,
      );
      if (response.status() === 403)
        await page.getByRole("heading", { name: "You don't have access" }).waitFor();
      assert.ok(!(await page.content()).includes("admin@example.com"), target);
    }
    assert.deepEqual(
      globSync("app/**/route.ts", { cwd: admin }).sort(),
      ["app/api/admin/audit/route.ts", "app/auth/callback/route.ts"],
      "every Route Handler has a test",
    );
    const response = await page.request.get("/api/admin/audit", {
      headers: { origin: world.console_url },
    });
    assert.equal(response.status(), 403);
    await page.goto("/");
    assert.equal(await page.getByRole("link", { name: "Users" }).count(), 0);
  },

  "a former admin is refused immediately": async (world) => {
    const page = await world.user("former@example.com", { ownSession: true });
    await world.sql("update public.users set system_role = 'admin' where id = $1", [page.id]);
    await page.context().clearCookies();
    await page.goto("/login");
    await world.signIn(page, "former@example.com");
    assert.equal((await page.goto("/admin/users")).status(), 200);
    await world.sql("update public.users set system_role = 'user' where id = $1", [page.id]);
    // The token still has the admin claim.
    assert.equal((await page.goto("/admin/users")).status(), 403);
    assert.equal((await page.request.get("/api/admin/audit")).status(), 403);
    await world.sql("update public.users set disabled_at = now() where id = $1", [page.id]);
    await page.goto("/");
    assert.equal(new URL(page.url()).pathname, "/login");
  },

  "a signed-out visitor sees only the sign-in page": async (world) => {
    for (const target of [
      "/",
      "/tools",
      "/settings",
      "/oauth/connect?service=github",
      "/oauth/consent?authorization_id=x",
      `/confirm/${ID}`,
      ...ADMIN_PAGES,
    ]) {
      const response = await fetch(world.console_url + target, { redirect: "manual" });
      assert.equal(response.status, 307, target);
      assert.match(response.headers.get("location"), /\/login/, target);
    }
    assert.equal((await fetch(`${world.console_url}/api/admin/audit`)).status, 401);
  },

  "every server action refuses users without permission, row by row": async (world) => {
    const [boss, victor, eve, visitor] = [
      await world.user("admin@example.com"),
      await world.user("victor@example.com"),
      await world.user("eve@example.com"),
      await world.visitor(),
    ];
    const [{ id: role }] = await world.sql(
      "insert into public.roles (name) values ('Coveted') returning id",
    );
    await world.sql(
      "insert into public.role_permissions (role_id, module, tools) values ($1, 'github', '{*}')",
      [role],
    );
    await world.sql("insert into public.user_roles (user_id, role_id) values ($1, $2)", [
      victor.id,
      role,
    ]);
    const store = async (user, owner, account) =>
      (
        await world.sql(
          "select private.store_token($1, $2, 'github', $3, 'bearer', 'canary-token', null, '{}', null, '{}') as id",
          [user, owner, account],
        )
      )[0].id;
    const [own, shared] = [
      await store(victor.id, null, "victors"),
      await store(null, role, "team"),
    ];
    const [{ id: token }] = await world.sql(
      "insert into public.api_tokens (user_id, name, token_hash) values ($1, 'laptop', sha256('victors')) returning id",
      [victor.id],
    );
    const [wish, decided] = (
      await world.sql(
        "insert into public.access_requests (user_id, module) values ($1, 'notion'), ($1, 'jira') returning id",
        [victor.id],
      )
    ).map(({ id }) => id);
    const leaver = await world.user("deleted@example.com");
    const [{ deed }] = await world.sql(
      "select public.ask_confirmation($1, null, null, repeat('ab', 32), '{github.delete_file}', '{\"calls\": []}') ->> 'id' as deed",
      [victor.id],
    );
    const client = "0c1e0000-0000-4000-8000-000000000001";
    await victor.token({ client_id: client });
    await world.sql(
      "insert into auth.oauth_consents (id, user_id, client_id, scopes) values (gen_random_uuid(), $1, $2, 'email')",
      [victor.id, client],
    );
    const [{ api_version }] = await world.sql(
      "select api_version from public.module_registry where module = 'github'",
    );
    // Form fields of each action. `of`: the user who may call it; for them it changes data.
    const ACTIONS = {
      disconnect: { of: victor, fields: { id: own } },
      withdrawRequest: { of: victor, fields: { id: wish } },
      revokeApiToken: { of: victor, fields: { id: token } },
      decideConfirmation: { of: victor, fields: { id: deed, decision: "yes" } },
      limitClient: { of: victor, fields: { client, read_only: "on", scope: "all" } },
      revokeClient: { of: victor, fields: { client } },
      saveUser: { of: boss, fields: { id: eve.id, admin: "on", role } },
      revokeUserTokens: {
        of: boss,
        fields: { id: victor.id },
        before: () => store(victor.id, null, "again"),
      },
      decideRequest: { of: boss, fields: { id: decided, status: "granted" } },
      createRole: { of: boss, fields: { name: "Made up" } },
      saveRole: { of: boss, fields: { id: role, name: "Renamed", description: "" } },
      savePermissions: {
        of: boss,
        fields: {
          id: role,
          permissions: JSON.stringify([{ module: "notion", tools: ["*"], denied_tools: [] }]),
        },
      },
      saveApp: {
        of: boss,
        fields: { service: "confluence", client_id: "eves", client_secret: "eves-secret" },
      },
      deleteApp: { of: boss, fields: { service: "confluence" } },
      saveModule: {
        of: boss,
        fields: { module: "github", status: "stable", api_version, notes: "Eve was here." },
      },
      allowEmail: { of: boss, fields: { email: "friend@example.com" } },
      disallowEmail: { of: boss, fields: { email: "friend@example.com" } },
      saveSettings: { of: boss, fields: { public_url: world.servers[0], days: "33" } },
      connect: {
        of: boss,
        fields: { service: "github", shared_with_role: role },
        before: () => saveGithubApp(world, boss),
      },
      connectWithToken: {
        of: boss,
        fields: {
          service: "github",
          token: "eves-own-token",
          account: "eves",
          shared_with_role: role,
        },
      },
      testShared: { of: boss, fields: { id: shared, name: "GitHub" } },
      deleteRole: { of: boss, fields: { id: role } },
      deleteAccount: {
        of: boss,
        fields: { id: leaver.id, confirmation: leaver.email, disallow: "on" },
      },
      // Ends all sessions, so it must be last.
      revokeEverything: { of: boss, fields: { confirmation: "REVOKE ALL" } },
      // Actions that affect only the caller, whatever ids the form contains.
      ...Object.fromEntries(
        [
          "saveProfile",
          "createApiToken",
          "askForAccess",
          "testConnection",
          "decideConsent",
          "finishConnection",
        ].map((name) => [
          name,
          {
            fields: {
              id: victor.id,
              user_id: victor.id,
              display_name: "Eve",
              name: "eves",
              module: "notion",
              service: "github",
              account: "victors",
              client: victor.id,
              authorization_id: victor.id,
              decision: "allow",
              handle: victor.id,
            },
          },
        ]),
      ),
      // Actions open to everyone, signed in or not.
      ...Object.fromEntries(
        [
          "signInWith",
          "signInWithEmail",
          "signInWithPassword",
          "signOut",
          "setLanguage",
          "setTheme",
        ].map((name) => [name, null]),
      ),
    };
    const { node } = JSON.parse(
      readFileSync(path.join(admin, ".next/server/server-reference-manifest.json"), "utf8"),
    );
    const built = new Map(
      Object.entries(node).map(([id, { exportedName, workers }]) => [
        exportedName,
        {
          id,
          pages: Object.keys(workers)
            .map(pathOf)
            .filter((page) => !page.startsWith("/oauth")),
        },
      ]),
    );
    assert.deepEqual(
      [...built.keys()].sort(),
      Object.keys(ACTIONS).sort(),
      "every action has a row",
    );

    const send = (page, name, target) => {
      // React's encoding of (state, form): first the fields, then the argument list that refers to them.
      const multipart = new FormData();
      for (const [field, value] of Object.entries(ACTIONS[name].fields))
        multipart.append(`_1_${field}`, value);
      multipart.append("0", '[null,"$K1"]');
      return page.request.post(world.console_url + target, {
        headers: {
          "next-action": built.get(name).id,
          accept: "text/x-component",
          origin: world.console_url,
        },
        multipart,
        maxRedirects: 0,
      });
    };
    const tables = (
      await world.sql(
        "select tablename from pg_tables where schemaname = 'public' and tablename <> 'audit_logs'",
      )
    ).map(({ tablename }) => tablename);
    assert.ok(tables.length >= 12, "all tables are compared");
    /** All rows of all tables, except those of one user. */
    const state = async (except = null) => {
      const texts = tables.map(
        (
          table,
        ) => `select '${table}' as name, coalesce(string_agg(t::text, ' ' order by t::text), '') as rows from public.${table} t
        where coalesce(to_jsonb(t) ->> 'user_id', '') is distinct from $1 and ('${table}' <> 'users' or to_jsonb(t) ->> 'id' is distinct from $1)`,
      );
      return JSON.stringify(await world.sql(texts.join(" union all "), [except]));
    };

    const rows = Object.keys(ACTIONS).filter((name) => ACTIONS[name] !== null);
    for (const name of rows) {
      const { of } = ACTIONS[name];
      const before = await state(of ? null : eve.id);
      // Through a page that contains the action, and through one the user can open.
      for (const target of [built.get(name).pages[0] ?? "/", "/settings"]) {
        const response = await send(eve, name, target);
        if (target.startsWith("/admin"))
          assert.equal(response.status(), 403, `${name} through ${target}`);
      }
      assert.equal(await state(of ? null : eve.id), before, `${name} as another user`);
      for (const target of [built.get(name).pages[0] ?? "/", "/login"])
        await send(visitor, name, target);
      assert.equal(await state(of ? null : eve.id), before, `${name} signed out`);
    }
    // Proves that the requests are valid: for the permitted user they change data.
    for (const name of rows) {
      const { of, before: prepare } = ACTIONS[name];
      if (!of) continue;
      await prepare?.();
      const before = await state();
      await send(
        of,
        name,
        built.get(name).pages.find((page) => of === boss || !page.startsWith("/admin")),
      );
      assert.notEqual(await state(), before, `${name} as the permitted user`);
    }
    await world.sql("update public.users set system_role = 'user' where id = $1", [eve.id]);
    await world.sql("update public.settings set audit_retention_days = default");
    await world.sql("update public.module_registry set notes = '' where module = 'github'");
  },

  "requests that change data must come from the console's own origin": async (world) => {
    const page = await world.user("eve@example.com");
    const { host, port } = new URL(world.console_url);
    for (const origin of [
      "https://evil.example",
      "null",
      undefined,
      // Another scheme, port or name of the same machine.
      `https://${host}`,
      `http://127.0.0.1:${port}`,
      `http://localhost:${Number(port) + 1}`,
      `http://${host}.evil.example`,
    ]) {
      for (const target of ["/settings", "/login", "/oauth/done?handle=x", `/confirm/${ID}`]) {
        const response = await page.request.post(target, { headers: origin ? { origin } : {} });
        assert.equal(response.status(), 403, `${target} from ${origin}`);
      }
    }
  },

  "every admin RPC and table refuses a user who calls it directly": async (world) => {
    const page = await world.user("eve@example.com");
    const [other] = await world.sql(
      "select id from public.users where email = 'admin@example.com'",
    );
    await world.sql("insert into public.roles (name) values ('Locked') on conflict do nothing");
    const [role] = await world.sql("select id from public.roles where name = 'Locked'");
    const headers = {
      apikey: world.facts.anon_key,
      authorization: `Bearer ${await page.token()}`,
      "content-type": "application/json",
      prefer: "return=representation",
    };
    const send = async (method, target, body) => {
      const response = await fetch(`${world.facts.rest_url}/${target}`, {
        method,
        headers,
        ...(body && { body: JSON.stringify(body) }),
      });
      return [response.status, await response.json().catch(() => null)];
    };
    const refused = [
      ["POST", "rpc/effective_tools", { p_user: other.id }],
      ["POST", "rpc/save_oauth_app", { service: "github", client_id: "x", client_secret: "y" }],
      ["POST", "rpc/revoke_user_tokens", { p_user: other.id }],
      ["POST", "rpc/revoke_all_tokens", {}],
      ["POST", "rpc/delete_account", { p_user: other.id }],
      [
        "POST",
        "rpc/connect_with_token",
        { service: "github", token: "12345678", shared_with_role: role.id },
      ],
      ["POST", "rpc/save_role_permissions", { p_role: role.id, p_permissions: [] }],
      ["POST", "roles", { name: "mine" }],
      ["POST", "user_roles", { user_id: page.id, role_id: role.id }],
      ["POST", "role_permissions", { role_id: role.id, module: "github", tools: ["*"] }],
      ["POST", "allowed_emails", { email: "friend@example.com" }],
      ["PATCH", `users?id=eq.${page.id}`, { system_role: "admin" }],
      ["POST", "audit_logs", { action: "x", outcome: "success" }],
      ["DELETE", "audit_logs?action=eq.x", undefined],
    ];
    // RPCs for Edge Functions only. Each is called with its declared arguments, so that it is found and refused.
    const functions =
      await world.sql(`select proname as name, coalesce(proargnames[1:pronargs], '{}') as arguments, has_function_privilege('authenticated', oid, 'execute') as open
      from pg_proc where pronamespace = 'public'::regnamespace and prorettype <> 'trigger'::regtype`);
    for (const { name, arguments: names } of functions.filter(({ open }) => !open)) {
      const [status, answer] = await send(
        "POST",
        `rpc/${name}`,
        Object.fromEntries(names.map((name) => [name, null])),
      );
      assert.deepEqual(
        [status, answer?.code],
        [403, "42501"],
        `${name}: ${JSON.stringify(answer)}`,
      );
    }
    const FOR_USERS = [
      "allow_client",
      "confirmation",
      "connectable_services",
      "create_api_token",
      "decide_confirmation",
      "finish_oauth",
      "limit_client",
      "my_clients",
      "my_confirmations",
      "oauth_authorization",
      "own_services",
      "revoke_api_token",
      "revoke_client",
    ];
    for (const { name } of functions.filter(({ open }) => open))
      assert.ok(
        FOR_USERS.includes(name) || refused.some(([, target]) => target === `rpc/${name}`),
        `${name} has a row`,
      );
    for (const [method, target, body] of refused) {
      const [status, answer] = await send(method, target, body);
      assert.ok(
        status >= 400 && status < 500,
        `${method} ${target}: ${status} ${JSON.stringify(answer)}`,
      );
    }
    const empty = [
      ["GET", `users?id=eq.${other.id}&select=id`],
      ["GET", "settings?select=id"],
      ["GET", "allowed_emails?select=email"],
      ["GET", "oauth_apps?select=service"],
      ["GET", `roles?id=eq.${role.id}&select=id`],
      ["GET", `audit_logs?user_id=eq.${other.id}&select=id`],
      ["PATCH", `users?id=eq.${other.id}&select=id`, { display_name: "x" }],
      ["PATCH", "settings?id=eq.true&select=id", { public_url: "https://evil.example" }],
      ["PATCH", "module_registry?module=eq.github&select=module", { status: "broken" }],
      ["DELETE", `roles?id=eq.${role.id}&select=id`],
    ];
    for (const [method, target, body] of empty)
      assert.deepEqual((await send(method, target, body))[1], [], `${method} ${target}`);
  },

  "users never see each other's data": async (world) => {
    const [mallory, trent] = [
      await world.user("mallory@example.com"),
      await world.user("trent@example.com"),
    ];
    const [role] = await world.sql("insert into public.roles (name) values ('Both') returning id");
    for (const { id } of [mallory, trent])
      await world.sql("insert into public.user_roles (user_id, role_id) values ($1, $2)", [
        id,
        role.id,
      ]);
    await world.sql(
      "insert into public.role_permissions (role_id, module, tools) values ($1, 'github', '{*}')",
      [role.id],
    );
    await trent.goto("/tools?token=github");
    await trent.getByRole("dialog").getByLabel("Token").fill("trents-personal-token");
    await trent.getByRole("dialog").getByLabel("Account name").fill("trents-account");
    await trent.getByRole("dialog").getByRole("button", { name: "Connect" }).click();
    await trent.locator("#github").getByText("trents-account").waitFor();
    await trent.goto("/settings");
    await trent.locator("input[name=name]").fill("trents-laptop");
    await trent.getByRole("button", { name: "Create token" }).click();
    await trent.getByTestId("secret").waitFor();
    await trent.goto("/tools?ask=notion");
    await trent.getByRole("dialog").getByLabel("Reason (optional)").fill("trents-wish");
    await trent.getByRole("dialog").getByRole("button", { name: "Request access" }).click();
    await trent.getByRole("dialog").waitFor({ state: "detached" });
    const [connection] = await world.sql("select id from public.oauth_tokens where user_id = $1", [
      trent.id,
    ]);
    for (const target of [
      "/",
      "/tools",
      `/tools?disconnect=github&id=${connection.id}`,
      "/settings",
      "/oauth/connect?service=github",
    ]) {
      await mallory.goto(target);
      assert.ok(!/trent/.test(await mallory.content()), target);
    }
    const headers = {
      apikey: world.facts.anon_key,
      authorization: `Bearer ${await mallory.token()}`,
      prefer: "return=representation",
    };
    const tables = {
      users: "id",
      user_roles: "user_id",
      oauth_tokens: "id",
      api_tokens: "id",
      access_requests: "id",
      audit_logs: "id",
    };
    for (const [table, column] of Object.entries(tables)) {
      const owner = table === "users" ? "id" : "user_id";
      const target = `${world.facts.rest_url}/${table}?${owner}=eq.${trent.id}&select=${column}`;
      assert.deepEqual(await (await fetch(target, { headers })).json(), [], table);
      const gone = await fetch(target, { method: "DELETE", headers });
      assert.ok(gone.status >= 400 || (await gone.json()).length === 0, `DELETE ${table}`);
    }
    assert.equal(
      (await world.sql("select from public.oauth_tokens where id = $1", [connection.id])).length,
      1,
    );
  },

  "a provider's answer belongs only to the user who started the connection": async (world) => {
    const boss = await world.user("admin@example.com");
    const [mallory, trent] = [
      await world.user("mallory@example.com"),
      await world.user("trent@example.com"),
    ];
    const rest = async (user, name, body) => {
      const headers = {
        apikey: world.facts.anon_key,
        authorization: `Bearer ${await user.token()}`,
        "content-type": "application/json",
        origin: world.console_url,
      };
      const response = await fetch(
        name.startsWith("http") ? name : `${world.facts.rest_url}/rpc/${name}`,
        { method: "POST", headers, body: JSON.stringify(body) },
      );
      return await response.json().catch(() => null);
    };
    await rest(boss, "save_oauth_app", {
      service: "github",
      client_id: "app-github",
      client_secret: "canary-secret-of-app-github",
    });
    const [role] = await world.sql(
      "insert into public.roles (name) values ('Connecting') returning id",
    );
    for (const { id } of [mallory, trent])
      await world.sql("insert into public.user_roles (user_id, role_id) values ($1, $2)", [
        id,
        role.id,
      ]);
    await world.sql(
      "insert into public.role_permissions (role_id, module, tools) values ($1, 'github', '{*}')",
      [role.id],
    );
    const begin = async (user) =>
      (await rest(user, `${world.facts.functions_url}/oauth-callback/start`, { service: "github" }))
        .authorize_url;
    const connected = async () =>
      (
        await world.sql(
          "select user_id from public.oauth_tokens where account = 'ada' and user_id = any($1)",
          [[mallory.id, trent.id]],
        )
      ).map(({ user_id }) => user_id);

    // Mallory sends the provider's page to trent, who is signed in at the console and at the provider.
    const refused = trent
      .getByRole("alert")
      .getByText("Another MCPist user started this connection");
    const handles = [];
    trent.on(
      "request",
      (request) =>
        request.isNavigationRequest() &&
        /[?&]handle=/.test(request.url()) &&
        handles.push(request.url()),
    );
    await trent.goto(await begin(mallory));
    await refused.waitFor();
    assert.equal(handles.length, 1);
    await mallory.goto(handles[0]);
    await mallory.getByRole("alert").getByText("This link has already been used").waitFor();
    assert.deepEqual(await connected(), []);
    // The same while trent is signed out.
    const out = await world.visitor();
    await out.goto(await begin(mallory));
    assert.equal(new URL(out.url()).pathname, "/login");
    await world.signIn(out, "trent@example.com");
    await out.getByRole("alert").getByText("Another MCPist user started").waitFor();
    assert.deepEqual(await connected(), []);

    // Opening the page does not finish the connection; only its form does, even without scripts.
    const plain = await world.visitor({
      javaScriptEnabled: false,
      storageState: await mallory.context().storageState(),
    });
    await plain.goto(await begin(mallory));
    assert.match(plain.url(), /[?&]handle=/);
    await plain.reload();
    await plain
      .getByText("The GitHub account will be added to your MCPist account mallory@example.com")
      .waitFor();
    assert.deepEqual(await connected(), []);
    await plain.getByRole("button", { name: "Finish" }).click();
    await plain.getByRole("heading", { name: "GitHub is connected" }).waitFor();
    assert.deepEqual(await connected(), [mallory.id]);

    // An expired connection, and one that is no longer permitted.
    for (const [change, said] of [
      [
        "update public.oauth_states set expires_at = now() where user_id = $1",
        "This took longer than ten minutes",
      ],
      [
        "delete from public.user_roles where user_id = $1",
        "You no longer have access to this service",
      ],
    ]) {
      await plain.goto(await begin(mallory));
      await world.sql(change, [mallory.id]);
      await plain.getByRole("button", { name: "Finish" }).click();
      await plain.getByRole("alert").getByText(said).waitFor();
    }
    // A user who was disabled meanwhile cannot finish.
    await trent.goto(await begin(trent));
    await trent.getByRole("heading", { name: "GitHub is connected" }).waitFor();
    await world.sql("delete from public.oauth_tokens where user_id = $1", [trent.id]);
    const late = await world.visitor({
      javaScriptEnabled: false,
      storageState: await trent.context().storageState(),
    });
    await late.goto(await begin(trent));
    await world.sql("update public.users set disabled_at = now() where id = $1", [trent.id]);
    await late.getByRole("button", { name: "Finish" }).click();
    await late.waitForURL("**/login?*");
    assert.deepEqual(await connected(), [mallory.id]);
    await world.sql("update public.users set disabled_at = null where id = $1", [trent.id]);
    assert.deepEqual([...mallory.problems, ...trent.problems, ...out.problems], []);
  },

  "a session with an expired token is refreshed during the request": async (world) => {
    const page = await world.user("eve@example.com", { ownSession: true });
    const cookie = async () =>
      (await page.context().cookies()).find(({ name }) => name.endsWith("-auth-token"));
    const read = ({ value }) =>
      JSON.parse(Buffer.from(value.replace("base64-", ""), "base64url").toString());
    const before = await cookie();
    const stored = { ...read(before), expires_at: Math.floor(Date.now() / 1000) - 10 };
    await page
      .context()
      .addCookies([
        { ...before, value: `base64-${Buffer.from(JSON.stringify(stored)).toString("base64url")}` },
      ]);
    await page.goto("/settings");
    await page.getByRole("heading", { name: "Settings", exact: true }).waitFor();
    assert.notEqual(read(await cookie()).refresh_token, stored.refresh_token);
  },

  "redirect targets: paths of the console, and app addresses that execute nothing in the browser":
    async () => {
      const { declined, destinationOf, safePath } = await import("../lib/paths.ts");
      for (const [next, path] of [
        ["/tools?module=github", "/tools?module=github"],
        ["/oauth/consent?authorization_id=x#there", "/oauth/consent?authorization_id=x"],
        ["/a/../b", "/b"],
        ["//evil.example", "/"],
        ["/\\evil.example", "/"],
        ["\\\\evil.example", "/"],
        ["/\t/evil.example", "/"],
        ["/\n/evil.example", "/"],
        ["https://evil.example", "/"],
        ["/..//evil.example", "/"],
        ["/.//evil.example", "/"],
        ["/%2e%2E//evil.example", "/"],
        ["/a/..//evil.example", "/"],
        ["javascript:alert(1)", "/"],
        ["evil.example", "/"],
        ["", "/"],
        [undefined, "/"],
        [["/tools"], "/"],
        ["/%2F/evil.example", "/%2F/evil.example"],
      ])
        assert.equal(safePath(next), path, String(next));
      for (const [address, destination] of [
        ["https://claude.ai/callback?code=1", "website"],
        ["http://127.0.0.1:1455/callback", "loopback"],
        ["http://127.5.5.5/", "loopback"],
        ["http://localhost/callback", "loopback"],
        ["http://[::1]:8080/callback", "loopback"],
        ["http://2130706433/", "loopback"],
        ["cursor://oauth", "app"],
        ["evil://claude.ai/callback", "app"],
        ["com.example.app:/back", "app"],
        ["http://example.com/callback", undefined],
        ["http://localhost.evil.example/", undefined],
        ["http://127.0.0.1.evil.example/", undefined],
        ["https://claude.ai@evil.example/", undefined],
        ["http://user@localhost/", undefined],
        ["javascript:alert(1)", undefined],
        ["JavaScript:alert(1)", undefined],
        [" javascript:alert(1)", undefined],
        ["java\nscript:alert(1)", undefined],
        ["data:text/html,x", undefined],
        ["vbscript:x", undefined],
        ["blob:https://x/1", undefined],
        ["file:///etc/passwd", undefined],
        ["ms-msdt:/id", undefined],
        ["intent://x#Intent;end", undefined],
        ["view-source:https://x", undefined],
        ["/tools", undefined],
        ["", undefined],
      ])
        assert.equal(destinationOf(address), destination, address);
      assert.equal(
        declined("https://claude.ai/callback?x=1", "s&t"),
        "https://claude.ai/callback?x=1&error=access_denied&error_description=The+user+declined+the+request.&state=s%26t",
      );
      assert.ok(!declined("cursor://oauth", null).includes("state"));
    },

  "every page has a content security policy: no inline scripts, no frames": async (world) => {
    const page = await world.user("admin@example.com");
    const nonces = new Set();
    for (const target of [
      "/",
      "/tools",
      "/settings",
      "/admin/roles",
      "/oauth/done?status=connected",
      "/no/such/page",
    ]) {
      const response = await page.goto(target);
      const policy = response.headers()["content-security-policy"];
      const scripts = /script-src ([^;]+)/.exec(policy)[1];
      assert.ok(!/unsafe/.test(scripts), scripts);
      assert.match(policy, /frame-ancestors 'none'/);
      assert.match(response.headers()["permissions-policy"], /camera=\(\)/);
      assert.equal(response.headers()["referrer-policy"], "strict-origin-when-cross-origin");
      nonces.add(/'nonce-([^']+)'/.exec(scripts)[1]);
    }
    assert.equal(nonces.size, 6, "a nonce is used once");
    assert.deepEqual(page.problems, []);
  },

  "hidden characters become visible escapes": async () => {
    const { visible, visibleLine } = await import("../lib/visible.ts");
    const shown = (text) =>
      visible(text)
        .map(({ text }) => text)
        .join("");
    for (const [text, expected] of [
      ["drop table x", "drop table x"],
      ["a\nb\tc\r", "a\\n\nb\\tc\\r"],
      ["\u202eevil\u2066", "\\u{202E}evil\\u{2066}"],
      ["a\u200bb\u00adc\ufeff", "a\\u{200B}b\\u{00AD}c\\u{FEFF}"],
      ["\u{e0041}\u{e007f}", "\\u{E0041}\\u{E007F}"],
      ["\u0000\u001b[31m\u0085", "\\u{0000}\\u{001B}[31m\\u{0085}"],
      ["\u2028\u2029", "\\u{2028}\\u{2029}"],
      ["\ud800x", "\\u{D800}x"],
      ["a\u00a0b\u3000c", "a\\u{00A0}b\u3000c"],
      ["日本語 עברית ❤\ufe0f", "日本語 עברית ❤\ufe0f"],
    ])
      assert.equal(shown(text), expected, JSON.stringify(text));
    assert.equal(visibleLine("a\nb"), "a\\nb");
    assert.equal(visibleLine("W".repeat(100), 60), `${"W".repeat(60)}…`);
    const many = "a\u202e".repeat(1_000_000);
    assert.ok(visible(many).length <= 5000, "a large text does not make too many elements");
    assert.equal(shown(many), "a\\u{202E}".repeat(1_000_000));
  },

  "the console has no secret key": () => {
    const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "."], {
      cwd: admin,
      encoding: "utf8",
    });
    const files = listed
      .trim()
      .split("\n")
      // The catalogue is made from the tools' descriptions, which may speak of such keys.
      .filter((name) => !name.startsWith("tests/") && name !== "catalogue.json")
      .map((name) => path.join(admin, name))
      .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile());
    assert.ok(files.length > 50);
    for (const file of files)
      assert.doesNotMatch(
        readFileSync(file, "utf8"),
        /SERVICE_ROLE|SECRET_KEY|sb_secret|service_role|auth\.admin/i,
        file,
      );
  },

  "no browser bundle contains a key": (world) => {
    const files = readdirSync(path.join(admin, ".next/static"), { recursive: true })
      .map((name) => path.join(admin, ".next/static", name))
      .filter((file) => statSync(file).isFile());
    assert.ok(files.length > 5);
    for (const file of files) {
      const text = readFileSync(file, "utf8");
      for (const key of [world.facts.anon_key, world.facts.gateway_url, "sb_", "service_role"])
        assert.ok(!text.includes(key), `${key} in ${file}`);
    }
  },

  "the first load of the start page is small": async (world) => {
    const page = await world.user("admin@example.com");
    const visitor = await world.visitor({ storageState: await page.context().storageState() });
    const scripts = new Set();
    visitor.on(
      "response",
      (response) => response.request().resourceType() === "script" && scripts.add(response.url()),
    );
    await visitor.goto("/", { waitUntil: "networkidle" });
    let size = 0;
    for (const url of scripts)
      size += gzipSync(Buffer.from(await (await fetch(url)).arrayBuffer())).length;
    console.log(
      `       first load of /: ${scripts.size} scripts, ${(size / 1024).toFixed(1)} KB gzipped`,
    );
    assert.ok(scripts.size > 3 && size > 50_000 && size <= BUDGET, `${size} bytes`);
  },
};
