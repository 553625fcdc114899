// One story, in order: an admin grants a role, a user connects and uses a tool from a client, and all access is removed again.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { admin } from "./world.mjs";

const require = createRequire(path.join(admin, "../supabase/tests/package.json"));
const sdk = (name) =>
  import(pathToFileURL(require.resolve(`@modelcontextprotocol/sdk/client/${name}.js`)).href);
const { Client } = await sdk("index");
const { StreamableHTTPClientTransport } = await sdk("streamableHttp");
const { UnauthorizedError } = await sdk("auth");

const PERMITTED = ["get_me", "list_issues", "create_issue"];

/** Calls a tool with the official client: with a token or an OAuth provider. */
async function call(world, { at = 0, module = "github", tool = "get_me", token, authProvider }) {
  const options = authProvider
    ? { authProvider }
    : { requestInit: { headers: { authorization: `Bearer ${token}` } } };
  const client = new Client({ name: "journey", version: "1" });
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${world.servers[at]}/mcp`), options),
  );
  const result = await client.callTool({ name: "call", arguments: { module, tool, params: {} } });
  await client.close();
  return result.content.map(({ text }) => text).join("\n");
}

/** What the SDK's OAuth client needs from its application. No server listens at `redirectUrl`: the test reads the address. */
function oauthClient(redirectUrl = "http://127.0.0.1:1/callback") {
  const held = {};
  return {
    redirectUrl,
    held,
    clientMetadata: {
      client_name: "A <b>client</b>",
      redirect_uris: [redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    },
    clientInformation: () => held.client,
    saveClientInformation: (client) => {
      held.client = client;
    },
    tokens: () => held.tokens,
    saveTokens: (tokens) => {
      held.tokens = tokens;
    },
    redirectToAuthorization: (url) => {
      held.url = url;
    },
    saveCodeVerifier: (verifier) => {
      held.verifier = verifier;
    },
    codeVerifier: () => held.verifier,
  };
}

async function until(what, ready) {
  for (
    const deadline = Date.now() + 20_000;
    ;
    await new Promise((resolve) => setTimeout(resolve, 100))
  ) {
    const answer = await ready();
    if (answer) return answer;
    assert.ok(Date.now() < deadline, what);
  }
}

const connectGithub = async (page) => {
  await page.getByRole("button", { name: "Continue to GitHub" }).click();
  // Passes the page with the handle, which submits itself.
  await page.waitForURL("**/oauth/done?status=*");
  await page.getByRole("heading", { name: "GitHub is connected" }).waitFor();
};

export const tests = {
  "an admin registers an OAuth app": async (world) => {
    const page = await world.user("admin@example.com");
    await page.goto("/admin/services");
    await page.getByRole("link", { name: "OAuth app: GitHub" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("client_id").fill("app-github");
    await dialog.getByLabel("client_secret").fill("canary-secret-of-app-github");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "detached" });
    await page.getByText("app-github").waitFor();
    assert.ok(!(await page.content()).includes("canary-secret"), "the secret does not come back");
    assert.deepEqual(page.problems, []);
  },

  "an admin creates a role, permits tools and assigns it to a user": async (world) => {
    await (await world.user("ada@example.com")).context().close();
    const page = await world.user("admin@example.com");
    await page.goto("/admin/roles");
    await page.getByRole("link", { name: "New role" }).click();
    await page.getByRole("dialog").getByLabel("Name").fill("Engineers");
    await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
    await page.waitForURL("**/admin/roles?role=*");
    await page.getByLabel("Access: GitHub").selectOption("some");
    const github = page.getByRole("region", { name: "GitHub" });
    for (const tool of PERMITTED)
      await github
        .locator("label", { has: page.getByText(tool, { exact: true }) })
        .getByRole("checkbox")
        .check();
    await page.getByRole("button", { name: "Save permissions" }).click();
    await page.getByRole("status").getByText("Saved.").waitFor();
    await page.goto("/admin/users");
    await page.getByRole("link", { name: "Edit: ada@example.com" }).click();
    await page.getByRole("dialog").getByLabel("Engineers").check();
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await page.waitForURL("**/admin/users");
    await page.getByRole("link", { name: "Preview access: ada@example.com" }).click();
    await page.getByRole("heading", { name: "ada@example.com can use 3 tools" }).waitFor();
    assert.deepEqual(
      (await page.locator("#preview code").allInnerTexts()).sort(),
      [...PERMITTED].sort(),
    );
    assert.deepEqual(page.problems, []);
  },

  "back closes a dialog, and a reload keeps it": async (world) => {
    const page = await world.user("admin@example.com");
    await page.goto("/admin/users");
    await page.getByRole("link", { name: "Edit: ada@example.com" }).click();
    await page.getByRole("dialog").waitFor();
    await page.reload();
    await page.getByRole("dialog", { name: "ada@example.com" }).waitFor();
    await page.goBack();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.goForward();
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.equal(page.url(), `${world.console_url}/admin/users`);
  },

  "the user sees exactly these tools, and requests more": async (world) => {
    const page = await world.user("ada@example.com");
    await page.goto("/tools?module=github");
    assert.deepEqual(
      (await page.locator("#github-tools code").allInnerTexts()).sort(),
      [...PERMITTED].sort(),
    );
    assert.equal(await page.locator("section[id]").count(), 1, "no other service is a card");
    await page.getByText(/Not available to you/).click();
    await page.getByRole("link", { name: "Request access: notion" }).click();
    await page
      .getByRole("dialog")
      .getByLabel("Reason (optional)")
      .fill("<img src=x onerror=alert(1)> notes");
    await page.getByRole("dialog").getByRole("button", { name: "Request access" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.getByText(/Tools you don't have access to/).click();
    await page.getByRole("link", { name: "Request access: list_branches", exact: true }).click();
    await page
      .getByRole("dialog", { name: "Request access to GitHub: list_branches" })
      .getByRole("button", { name: "Request access" })
      .click();
    await page.getByRole("button", { name: "Withdraw: list_branches" }).waitFor();
    const admin = await world.user("admin@example.com");
    await admin.getByRole("link", { name: "2 access requests are waiting for you" }).click();
    await admin.getByText("<img src=x onerror=alert(1)> notes").waitFor();
    await admin.getByText("github/list_branches").waitFor();
    await admin
      .getByRole("listitem")
      .filter({ hasText: "onerror" })
      .getByRole("button", { name: "Decline" })
      .click();
    await admin.getByText("<img src=x onerror=alert(1)> notes").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Withdraw: list_branches" }).click();
    await page.getByRole("link", { name: "Request access: list_branches", exact: true }).waitFor();
    await admin.goto("/admin/users");
    await admin.getByRole("heading", { name: "Access requests" }).waitFor({ state: "detached" });
    assert.deepEqual([...page.problems, ...admin.problems], []);
  },

  "a chat's connect link leads to the provider and back, also when signed out": async (world) => {
    const [user] = await world.sql("select id from public.users where email = 'ada@example.com'");
    assert.ok(user);
    const visitor = await world.user("ada@example.com");
    const said = await call(world, { token: await visitor.token() });
    const link = /http\S+\/oauth\/connect\?service=github/.exec(said)?.[0];
    assert.ok(link?.startsWith(world.console_url), said);
    const page = await world.visitor();
    await page.goto(link);
    await world.signIn(page, "ada@example.com");
    await connectGithub(page);
    await page.goto("/tools");
    await page.locator("#github").getByText("Connected", { exact: true }).waitFor();
    assert.match(await call(world, { token: await visitor.token() }), /login: ada/);
    assert.deepEqual(page.problems, []);
  },

  "a refusal at the provider, and every other failure, is explained": async (world) => {
    const page = await world.user("ada@example.com");
    const control = (settings) =>
      fetch(`${world.facts.provider_url}/control`, {
        method: "POST",
        body: JSON.stringify(settings),
      });
    await control({ deny: true });
    await page.goto("/oauth/connect?service=github");
    await page.getByRole("button", { name: "Continue to GitHub" }).click();
    await page.getByRole("alert").getByText("You declined access at GitHub").waitFor();
    await control({ deny: false });
    const reasons = [
      "replayed",
      "expired",
      "unknown_state",
      "user_disabled",
      "not_configured",
      "provider_error",
      "provider_unavailable",
      "no_site",
      "not_permitted",
      "other_user",
      "internal",
      "<script>",
    ];
    const texts = new Set();
    for (const reason of reasons) {
      await page.goto(
        `/oauth/done?status=failed&service=github&reason=${encodeURIComponent(reason)}`,
      );
      texts.add(await page.locator("main [role=alert]").innerText());
    }
    assert.equal(
      texts.size,
      reasons.length - 1,
      "an unknown reason is an internal failure, and each other reason has its own text",
    );
    await page.goto(
      "/oauth/done?status=failed&service=jira&reason=site_required&sites=https://acme.atlassian.net,https://evil.example",
    );
    assert.deepEqual(await page.getByRole("link", { name: /atlassian|evil/ }).allInnerTexts(), [
      "acme.atlassian.net",
    ]);
  },

  "an admin shares an account with a role by OAuth": async (world) => {
    const page = await world.user("admin@example.com");
    await page.goto("/admin/services?share=github");
    await page
      .getByRole("dialog")
      .locator("form", { has: page.getByRole("button", { name: "Continue to GitHub" }) })
      .getByLabel("Share with role")
      .selectOption({ label: "Engineers" });
    await connectGithub(page);
    const shared =
      "select t.account from public.oauth_tokens t join public.roles r on r.id = t.role_id where r.name = 'Engineers'";
    assert.deepEqual(await world.sql(shared), [{ account: "ada" }]);
    await page.goto("/admin/services");
    await page.getByText("ada → Engineers").waitFor();
    await page.getByRole("button", { name: "Disconnect: ada" }).click();
    await page.getByText("ada → Engineers").waitFor({ state: "detached" });
    assert.deepEqual(page.problems, []);
  },

  "the call shows in the audit view, live and as CSV": async (world) => {
    const page = await world.user("admin@example.com");
    await page.goto("/admin/audit?action=tool.call&outcome=success&tool=get_me");
    await page.getByRole("switch", { name: "Live" }).click();
    await page.waitForURL("**live=1**");
    await page.reload();
    assert.ok(await page.getByRole("switch", { name: "Live" }).isChecked(), "a reload keeps it");
    await page
      .getByRole("row", { name: /ada@example.com.*github\/get_me/ })
      .first()
      .waitFor({ timeout: 20_000 });
    const csv = await (
      await page.request.get("/api/admin/audit?action=tool.call&outcome=success")
    ).text();
    assert.match(csv, /^at,user,action,/);
    assert.match(csv, /ada@example\.com,tool\.call,github,get_me/);
    const ada = await world.user("ada@example.com");
    await ada.goto("/settings");
    await ada.locator("#audit").getByText("github/get_me").first().waitFor();
    assert.deepEqual(page.problems, []);
  },

  "an API token is shown once, works, and is revoked": async (world) => {
    const page = await world.user("ada@example.com");
    await page.goto("/settings");
    await page.locator("input[name=name]").fill("laptop");
    await page.getByRole("button", { name: "Create token" }).click();
    const token = await page.getByTestId("secret").innerText();
    assert.match(token, /^mcpist_[0-9A-Za-z]{43}$/);
    assert.match(await call(world, { token }), /login: ada/);
    await page.reload();
    assert.ok(!(await page.content()).includes(token));
    await page.getByRole("button", { name: "Revoke: laptop" }).click();
    await page.getByText("Revoked", { exact: true }).waitFor();
    await assert.rejects(call(world, { token, at: 1 }), /invalid_token/);
  },

  "at most ten tokens can be created per hour": async (world) => {
    const page = await world.user("ada@example.com");
    await world.sql(
      "insert into public.api_tokens (user_id, name, token_hash, revoked_at) select $1, 'old', sha256(n::text::bytea), now() from generate_series(1, 9) n",
      [page.id],
    );
    await page.goto("/settings");
    await page.locator("input[name=name]").fill("one more");
    await page.getByRole("button", { name: "Create token" }).click();
    await page.getByRole("alert").getByText("10 tokens per hour").waitFor();
    await world.sql("delete from public.api_tokens where name = 'old'");
  },

  "consent is allowed: the official client signs in, calls, and is revoked": async (world) => {
    const authProvider = oauthClient();
    const url = new URL(`${world.servers[0]}/mcp`);
    const transport = new StreamableHTTPClientTransport(url, { authProvider });
    await assert.rejects(
      new Client({ name: "journey", version: "1" }).connect(transport),
      UnauthorizedError,
    );
    const page = await world.visitor();
    await page.goto(authProvider.held.url.href);
    await world.signIn(page, "ada@example.com");
    await page.getByRole("heading", { name: "Let an app use your tools?" }).waitFor();
    await page.locator("main").getByText("“A <b>client</b>”").waitFor();
    await page.locator("main").getByText("ada@example.com").waitFor();
    await page.getByRole("listitem").getByText("GitHub: 2 read · 1 write").waitFor();
    await page.route(`${authProvider.redirectUrl}*`, (route) => route.fulfill({ body: "back" }));
    const left = page.waitForRequest((request) =>
      request.url().startsWith(authProvider.redirectUrl),
    );
    await page.getByRole("button", { name: "Allow" }).click();
    const code = new URL((await left).url()).searchParams.get("code");
    await transport.finishAuth(code);
    assert.match(await call(world, { authProvider }), /login: ada/);
    // A client's token opens the MCP server, not the console's data.
    const headers = {
      apikey: world.facts.anon_key,
      authorization: `Bearer ${authProvider.held.tokens.access_token}`,
    };
    assert.deepEqual(
      await (await fetch(`${world.facts.rest_url}/users?select=id`, { headers })).json(),
      [],
    );
    await page.goto("/settings");
    await page.getByRole("button", { name: "Revoke: A <b>client</b>" }).click();
    await page.getByText("No connected apps yet.").waitFor();
    const refreshed = await fetch(`${world.facts.issuer}/oauth/token`, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "refresh_token",
        refresh_token: authProvider.held.tokens.refresh_token,
        client_id: authProvider.held.client.client_id,
      }),
    });
    assert.equal(refreshed.status, 400);
  },

  "consent is denied: the client gets the error": async (world) => {
    const authProvider = oauthClient();
    await assert.rejects(
      new Client({ name: "journey", version: "1" }).connect(
        new StreamableHTTPClientTransport(new URL(`${world.servers[0]}/mcp`), { authProvider }),
      ),
      UnauthorizedError,
    );
    const page = await world.user("ada@example.com");
    await page.goto(authProvider.held.url.href);
    const consent = page.url();
    await page.route(`${authProvider.redirectUrl}*`, (route) => route.fulfill({ body: "back" }));
    const left = page.waitForRequest((request) =>
      request.url().startsWith(authProvider.redirectUrl),
    );
    await page.getByRole("button", { name: "Deny" }).click();
    assert.equal(new URL((await left).url()).searchParams.get("error"), "access_denied");
    await page.getByText("back").waitFor();
    await page.goto(consent);
    await page.getByRole("alert").getByText("This request has expired").waitFor();
  },

  "disconnect, and the chat's link brings the user back": async (world) => {
    const page = await world.user("ada@example.com");
    await page.goto("/tools");
    await page.locator("#github").getByRole("link", { name: "Disconnect" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Disconnect" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.locator("#github").getByText("No account connected yet.").waitFor();
    const said = await call(world, { token: await page.token(), at: 1 });
    assert.match(said, /^code: not_connected/);
    await page.goto(/http\S+\/oauth\/connect\?service=github/.exec(said)[0]);
    await connectGithub(page);
    assert.match(await call(world, { token: await page.token() }), /login: ada/);
    // A second account with its own name, connected with a token.
    await page.goto("/tools?token=github");
    await page.getByRole("dialog").getByLabel("Token").fill("canary-personal-token");
    await page.getByRole("dialog").getByLabel("Account name").fill("work");
    await page.getByRole("dialog").getByRole("button", { name: "Connect" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.locator("#github").getByText("work", { exact: true }).waitFor();
    // The provider double accepts the first account's credential, but not the second's.
    await page.getByRole("button", { name: "Test: ada" }).click();
    await page.getByRole("status").getByText("Working: github/get_me responded.").waitFor();
    await page.getByRole("button", { name: "Test: work" }).click();
    await page.getByRole("alert").getByText("Not working.").waitFor();
  },

  "a tool that the admin removes is unknown": async (world) => {
    const ada = await world.user("ada@example.com");
    const page = await world.user("admin@example.com");
    await page.goto("/admin/roles");
    await page.getByRole("link", { name: "Edit: Engineers" }).click();
    const github = page.getByRole("region", { name: "GitHub" });
    await github
      .locator("label", { has: page.getByText("get_me", { exact: true }) })
      .getByRole("checkbox")
      .uncheck();
    await page.getByRole("button", { name: "Save permissions" }).click();
    await page.getByRole("status").getByText("Saved.").waitFor();
    assert.match(await call(world, { token: await ada.token(), at: 2 }), /^code: not_found/);
    await ada.goto("/tools?module=github");
    assert.deepEqual((await ada.locator("#github-tools code").allInnerTexts()).sort(), [
      "create_issue",
      "list_issues",
    ]);
    await github
      .locator("label", { has: page.getByText("get_me", { exact: true }) })
      .getByRole("checkbox")
      .check();
    await page.getByRole("button", { name: "Save permissions" }).click();
    await until(
      "the permission is back",
      async () =>
        (await world.sql("select from public.role_permissions where 'get_me' = any(tools)"))
          .length === 1,
    );
  },

  "an unavailable module cannot be used, and its users see why": async (world) => {
    const page = await world.user("admin@example.com");
    const ada = await world.user("ada@example.com");
    for (const [status, shown] of [
      ["broken", "Unavailable"],
      ["stable", "Stable"],
    ]) {
      await page.goto("/admin/modules?module=github");
      await page.getByRole("dialog").getByLabel("Status").selectOption(status);
      await page.getByRole("dialog").getByLabel("API version").fill(`checked ${status}`);
      await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
      await page.getByRole("dialog").waitFor({ state: "detached" });
      await page
        .getByRole("row", { name: new RegExp(`GitHub.*checked ${status}`) })
        .getByText(shown, { exact: true })
        .waitFor();
      await ada.goto("/tools");
      await ada
        .locator("#github")
        .getByText("Unavailable")
        .waitFor({ state: status === "broken" ? "visible" : "detached" });
      assert.equal(await ada.locator("#github-tools").count(), status === "broken" ? 0 : 1);
      await ada.goto("/");
      assert.equal(
        await ada.getByText("GitHub is unavailable").count(),
        status === "broken" ? 1 : 0,
      );
    }
  },

  "the last admin cannot be demoted, and the allow-list can be edited": async (world) => {
    const page = await world.user("admin@example.com");
    await page.goto(`/admin/users?user=${page.id}`);
    await page.getByRole("dialog").getByLabel("Admin").uncheck();
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await page.getByRole("alert").getByText("This is the only admin").waitFor();
    await page.goto("/admin/security");
    await page.getByLabel("Email address").fill("Carl@Example.com");
    await page.getByRole("button", { name: "Add" }).click();
    await page.getByRole("row", { name: /carl@example\.com/ }).waitFor();
    await page.getByRole("button", { name: "Remove: carl@example.com" }).click();
    await page.getByRole("row", { name: /carl@example\.com/ }).waitFor({ state: "detached" });
    assert.deepEqual(page.problems, []);
  },

  "an account is deleted with all its data": async (world) => {
    await (await world.user("leaver@example.com")).context().close();
    const page = await world.user("admin@example.com");
    await page.goto("/admin/users");
    await page.getByRole("link", { name: "Edit: leaver@example.com" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Type leaver@example.com").fill("leaver@example");
    await dialog.getByRole("button", { name: "Delete account" }).click();
    await dialog.getByRole("alert").getByText("Type the email address exactly").waitFor();
    await dialog.getByLabel("Type leaver@example.com").fill("leaver@example.com");
    await dialog.getByRole("button", { name: "Delete account" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.getByRole("row", { name: /leaver@example\.com/ }).waitFor({ state: "detached" });
    assert.deepEqual(
      await world.sql("select id from auth.users where email = 'leaver@example.com'"),
      [],
    );
    assert.deepEqual(
      await world.sql("select from public.allowed_emails where email = 'leaver@example.com'"),
      [],
      "the address is off the allow-list",
    );
    await page.goto(`/admin/users?user=${page.id}`);
    await dialog.waitFor();
    assert.equal(await dialog.getByRole("button", { name: "Delete account" }).count(), 0);
    assert.deepEqual(page.problems, []);
  },

  "users of a role can use its shared account, and an admin without the role can test it": async (
    world,
  ) => {
    const page = await world.user("admin@example.com");
    const ada = await world.user("ada@example.com");
    const [role] = await world.sql("select id from public.roles where name = 'Engineers'");
    await world.sql(
      "insert into public.role_permissions (role_id, module, tools) values ($1, 'microsoft_todo', '{list_lists}')",
      [role.id],
    );
    await ada.goto("/");
    await ada.getByText("Connect your Microsoft To Do account.").waitFor();
    await page.goto("/admin/services?app=microsoft_todo");
    await page.getByRole("dialog").getByLabel("client_id").fill("app-microsoft_todo");
    await page
      .getByRole("dialog")
      .getByLabel("client_secret")
      .fill("canary-secret-of-app-microsoft_todo");
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.goto("/admin/services?share=microsoft_todo");
    await page.getByRole("button", { name: "Continue to Microsoft To Do" }).click();
    await page.getByRole("heading", { name: "Microsoft To Do is connected" }).waitFor();
    await ada.reload();
    assert.equal(await ada.getByText("Connect your Microsoft To Do account.").count(), 0);
    await ada.goto("/tools");
    await ada.locator("#microsoft_todo").getByText("Connected", { exact: true }).waitFor();
    await ada.locator("#microsoft_todo").getByText("Shared by the role Engineers").waitFor();
    assert.match(
      await call(world, {
        token: await ada.token(),
        at: 3,
        module: "microsoft_todo",
        tool: "list_lists",
      }),
      /Tasks/,
    );
    assert.deepEqual(
      await world.sql("select from public.user_roles where user_id = $1", [page.id]),
      [],
      "the admin has no role",
    );
    await page.goto("/admin/services");
    const shared = page.getByRole("button", { name: "Test: ada@example.com" });
    await shared.click();
    await page
      .getByRole("status")
      .getByText("Working: Microsoft To Do accepts this account.")
      .waitFor();
    await fetch(`${world.facts.provider_url}/revoke`, { method: "POST" });
    await shared.click();
    await page.getByRole("alert").getByText("Expired: Microsoft To Do no longer accepts").waitFor();
    await ada.reload();
    await ada
      .locator("#microsoft_todo")
      .getByText("Shared by the role Engineers, but expired.")
      .waitFor();
    await ada.goto("/");
    await ada.getByText("The shared Microsoft To Do account has expired.").waitFor();
    await page.getByRole("button", { name: "Disconnect: ada@example.com" }).click();
    await page
      .getByRole("button", { name: "Test: ada@example.com" })
      .waitFor({ state: "detached" });
    assert.deepEqual([...page.problems, ...ada.problems], []);
  },

  "revoking everything requires the confirmation text and leaves no credential": async (world) => {
    const ada = await world.user("ada@example.com");
    const page = await world.user("admin@example.com");
    await page.goto("/admin/security");
    await page.getByLabel("Type REVOKE ALL").fill("revoke");
    await page.getByRole("button", { name: "Revoke everything" }).click();
    assert.notEqual(
      (await world.sql("select from public.oauth_tokens")).length,
      0,
      "the wrong words do nothing",
    );
    await page.getByLabel("Type REVOKE ALL").fill("REVOKE ALL");
    await page.getByRole("button", { name: "Revoke everything" }).click();
    await page.getByRole("status").getByText("Revoked 2 connections").waitFor();
    await page
      .getByRole("status")
      .getByText(/Ended [1-9]\d* session/)
      .waitFor();
    assert.match(await call(world, { token: await ada.token(), at: 1 }), /^code: not_connected/);
    // Everyone is signed out, including the admin.
    for (const ended of [ada, page]) {
      await ended.goto("/settings");
      assert.equal(new URL(ended.url()).pathname, "/login");
      await ended.getByRole("alert").getByText("You've been signed out").waitFor();
    }
    await world.signIn(ada, "ada@example.com");
    await ada.getByRole("heading", { level: 1 }).getByText("Hello").waitFor();
  },
};
