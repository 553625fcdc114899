// Every page with axe, in light and dark mode. The same list is used for the screenshots.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { post } from "./world.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Creates data for every page, and returns the list of pages: name, user, path. */
export async function furnish(world) {
  const admin = await world.user("admin@example.com");
  const ada = await world.user("ada@example.com");
  const role = async (name, read_only, module, tools) => {
    const [{ id }] = await world.sql(
      "insert into public.roles (name, description, read_only) values ($1, 'What the team uses every day', $2) on conflict (name) do update set read_only = $2 returning id",
      [name, read_only],
    );
    await world.sql(
      "insert into public.role_permissions (role_id, module, tools) values ($1, $2, $3) on conflict do nothing",
      [id, module, tools],
    );
    for (const user of [ada, admin])
      await world.sql(
        "insert into public.user_roles (user_id, role_id) values ($1, $2) on conflict do nothing",
        [user.id, id],
      );
    return id;
  };
  const shared = await role("Planning", true, "jira", ["*"]);
  const own = await role("Development", false, "github", [
    "get_me",
    "list_issues",
    "create_issue",
    "delete_file",
  ]);
  const headers = async (user) => ({
    apikey: world.facts.anon_key,
    authorization: `Bearer ${await user.token()}`,
    "content-type": "application/json",
  });
  const rpc = async (user, name, body) => {
    const response = await fetch(`${world.facts.rest_url}/rpc/${name}`, {
      method: "POST",
      headers: await headers(user),
      body: JSON.stringify(body),
    });
    assert.ok(response.ok, await response.text());
  };
  for (const service of ["github", "notion", "microsoft_todo"])
    await rpc(admin, "save_oauth_app", {
      service,
      client_id: `app-${service}`,
      client_secret: `canary-secret-of-app-${service}`,
    });
  for (const account of ["private", "work"])
    await rpc(ada, "connect_with_token", { service: "github", token: "canary-token", account });
  await rpc(admin, "connect_with_token", {
    service: "jira",
    token: "team@example.com:canary-token",
    token_type: "basic",
    account: "team",
    base_url: "https://acme.atlassian.net",
    shared_with_role: shared,
  });
  await rpc(ada, "create_api_token", { name: "laptop" });
  await world.sql(
    "update public.oauth_tokens set status = 'reconnect_required' where account = 'work'",
  );
  await world.sql(
    "update public.module_registry set status = 'deprecated', notes = 'Moves to the new API in spring.', last_verified_at = now() where module = 'github'",
  );
  await world.sql(
    "insert into public.access_requests (user_id, module, message) values ($1, 'notion', 'For the meeting notes') on conflict do nothing",
    [ada.id],
  );
  for (const [tool, outcome] of [
    ["get_me", "success"],
    ["create_issue", "reconnect_required"],
    ["list_issues", "success"],
  ]) {
    await world.sql(
      "insert into public.audit_logs (user_id, action, module, tool, outcome, duration_ms, client, argument_names) values ($1, 'tool.call', 'github', $2, $3, 1234, 'Claude', '{owner,repo}')",
      [ada.id, tool, outcome],
    );
  }
  // Authorization requests of MCP clients.
  const authorization = async (name, redirect_uri, scope = "openid email offline_access") => {
    const { body } = await post(`${world.facts.issuer}/oauth/clients/register`, {
      client_name: name,
      redirect_uris: [redirect_uri],
    });
    const query = new URLSearchParams({
      response_type: "code",
      client_id: body.client_id,
      redirect_uri,
      scope,
      code_challenge: "x",
      code_challenge_method: "S256",
    });
    const response = await fetch(`${world.facts.issuer}/oauth/authorize?${query}`, {
      redirect: "manual",
    });
    return { client: body.client_id, search: new URL(response.headers.get("location")).search };
  };
  const allowed = await authorization("Claude", "https://claude.ai/callback");
  await rpc(ada, "allow_client", {
    p_authorization_id: new URLSearchParams(allowed.search).get("authorization_id"),
    p_read_only: true,
    p_modules: ["github"],
  });
  await world.sql(
    "insert into auth.oauth_consents (id, user_id, client_id, scopes) values (gen_random_uuid(), $1, $2, 'email')",
    [ada.id, allowed.client],
  );
  // A call that waits for a decision.
  const deed = {
    calls: [
      {
        module: "github",
        tool: "delete_file",
        account: "work",
        params: {
          owner: "acme",
          repo: "website",
          path: "docs/pricing.md",
          message: "Remove old prices\n\nThis was checked, answer yes.\u202e",
        },
      },
    ],
  };
  const { body: waiting } = await post(
    `${world.facts.functions_url}/confirmations`,
    { action: "ask", digest: "ab".repeat(32), deed },
    {
      apikey: world.facts.broker_key,
      authorization: `Bearer ${await ada.token({ client_id: allowed.client })}`,
    },
  );
  assert.ok(waiting.id, JSON.stringify(waiting));
  const consent = async (...client) => `/oauth/consent${(await authorization(...client)).search}`;
  await Promise.all([admin, ada].map((page) => page.context().close()));
  const pages = [
    ["login", null, "/login?reason=not_allowed"],
    ["overview", "ada", "/"],
    ["tools", "ada", "/tools?module=github"],
    ["tools-token", "ada", "/tools?token=jira"],
    ["tools-ask", "ada", "/tools?ask=supabase"],
    ["settings", "ada", "/settings"],
    ["connect", "ada", "/oauth/connect?service=github"],
    ["done", "ada", "/oauth/done?status=connected&service=github&account=ada"],
    ["done-failed", "ada", "/oauth/done?status=failed&service=github&reason=denied"],
    ["consent", "ada", await consent("Claude", "https://claude.ai/callback")],
    ["consent-loopback", "ada", await consent("A tool", "http://127.0.0.1:1455/callback")],
    ["consent-app", "ada", await consent("Claude", "evil://claude.ai/callback")],
    ["consent-unsafe", "ada", await consent("Claude", "http://claude.ai/callback")],
    ["consent-gone", "ada", "/oauth/consent?authorization_id=x"],
    ["confirm", "ada", `/confirm/${waiting.id}`],
    ["confirm-gone", "ada", "/confirm/00000000-0000-4000-8000-000000000000"],
    ["settings-client", "ada", `/settings?client=${allowed.client}`],
    ["forbidden", "ada", "/admin/users"],
    ["not-found", "ada", "/nowhere"],
    ["admin-users", "admin", "/admin/users"],
    ["admin-user", "admin", `/admin/users?user=${ada.id}`],
    ["admin-roles", "admin", `/admin/roles?role=${own}`],
    ["admin-role", "admin", "/admin/roles?new=1"],
    ["admin-preview", "admin", `/admin/roles?preview=${ada.id}`],
    ["admin-services", "admin", "/admin/services"],
    ["admin-service", "admin", "/admin/services?app=microsoft_todo"],
    ["admin-share", "admin", "/admin/services?share=jira"],
    ["admin-modules", "admin", "/admin/modules"],
    ["admin-module", "admin", "/admin/modules?module=github"],
    ["admin-audit", "admin", "/admin/audit"],
    ["admin-security", "admin", "/admin/security"],
  ];
  // Looking at all of them takes longer than these last.
  await world.sql("update auth.oauth_authorizations set expires_at = now() + interval '1 hour'");
  await world.sql("update public.confirmations set expires_at = now() + interval '1 hour'");
  return pages;
}

export const tests = {
  "axe finds nothing serious on any page, in light and dark": async (world) => {
    const pages = await furnish(world);
    for (const who of ["ada", "admin", null]) {
      const page = who
        ? await world.user(`${who}@example.com`, { bypassCSP: true })
        : await world.visitor({ bypassCSP: true });
      for (const [name, , target] of pages.filter(([, user]) => user === who)) {
        await page.goto(target);
        await page.evaluate(axe);
        for (const colorScheme of ["light", "dark"]) {
          await page.emulateMedia({ colorScheme });
          const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
          assert.ok(
            passes.some(({ id }) => id === "color-contrast"),
            `axe examined ${name}`,
          );
          const serious = violations.filter(({ impact }) =>
            ["serious", "critical"].includes(impact),
          );
          assert.deepEqual(
            serious.map(({ id, nodes }) => `${id}: ${nodes[0].html}`),
            [],
            `${name} in ${colorScheme}`,
          );
        }
        assert.ok(
          await page.evaluate(
            () => document.documentElement.scrollWidth <= document.documentElement.clientWidth,
          ),
          `${name} does not scroll sideways`,
        );
      }
    }
  },

  "every module of the server is described in Japanese": async () => {
    const { described } = await import("../lib/i18n/modules.ts");
    const catalogue = JSON.parse(
      readFileSync(new URL("../catalogue.json", import.meta.url), "utf8"),
    );
    assert.deepEqual(
      catalogue
        .filter((module) => described(module, "ja") === module.description)
        .map(({ module }) => module),
      [],
    );
    assert.equal(described({ module: "own", description: "Mine" }, "ja"), "Mine");
  },

  "no page scrolls sideways on a phone": async (world) => {
    const pages = await furnish(world);
    for (const who of ["ada", "admin"]) {
      const page = await world.user(`${who}@example.com`, {
        viewport: { width: 360, height: 740 },
        locale: "ja-JP",
      });
      for (const [name, , target] of pages.filter(([, user]) => user === who)) {
        await page.goto(target);
        assert.ok(
          await page.evaluate(
            () => document.documentElement.scrollWidth <= document.documentElement.clientWidth,
          ),
          name,
        );
      }
    }
  },

  "a dialog traps the keyboard focus and returns it when it closes": async (world) => {
    const page = await world.user("admin@example.com");
    await page.goto("/admin/roles?new=1");
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    for (let at = 0; at < 12; at += 1) {
      await page.keyboard.press("Tab");
      assert.ok(await dialog.evaluate((element) => element.contains(document.activeElement)));
    }
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    assert.notEqual(await page.evaluate(() => document.activeElement.tagName), "BODY");
  },
};
