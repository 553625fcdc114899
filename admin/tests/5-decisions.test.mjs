// What a user decides for AI clients: whether a client may act for them and within which limits, and single destructive calls.
import assert from "node:assert/strict";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { post } from "./world.mjs";

const TITLE = "Let an app use your tools?";

/** Gives a user these tools through a role. */
async function permit(world, page, module, tools) {
  const [{ id }] = await world.sql("insert into public.roles (name) values ($1) returning id", [
    `Deciding ${randomUUID()}`,
  ]);
  await world.sql(
    "insert into public.role_permissions (role_id, module, tools) values ($1, $2, $3)",
    [id, module, tools],
  );
  await world.sql("insert into public.user_roles (user_id, role_id) values ($1, $2)", [
    page.id,
    id,
  ]);
  return id;
}

/** Registers a client and starts an authorization. Returns the consent page's path and what the client needs afterwards. */
async function authorize(world, { name = "A client", redirect, client, scope = "email" } = {}) {
  const id =
    client ??
    (
      await post(`${world.facts.issuer}/oauth/clients/register`, {
        client_name: name,
        redirect_uris: [redirect],
      })
    ).body.client_id;
  const verifier = randomBytes(32).toString("base64url");
  const query = new URLSearchParams({
    response_type: "code",
    client_id: id,
    redirect_uri: redirect,
    state: "a state",
    scope,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
  });
  const { headers } = await fetch(`${world.facts.issuer}/oauth/authorize?${query}`, {
    redirect: "manual",
  });
  const { pathname, search } = new URL(headers.get("location"));
  return {
    path: pathname + search,
    id: new URLSearchParams(search).get("authorization_id"),
    client: id,
    redirect,
    verifier,
  };
}

/** Clicks a button that leaves the console, and returns the address that the browser goes to. */
async function leave(page, redirect, button) {
  await page.route(
    (url) => url.href.startsWith(redirect),
    (route) => route.fulfill({ body: "back" }),
  );
  const left = page.waitForRequest((request) => request.url().startsWith(redirect));
  await page.getByRole("button", { name: button, exact: true }).click();
  const url = new URL((await left).url());
  await page.getByText("back", { exact: true }).waitFor();
  return url;
}

const tokens = async (world, { client, redirect, verifier }, code) => {
  const response = await fetch(`${world.facts.issuer}/oauth/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      code,
      client_id: client,
      redirect_uri: redirect,
      code_verifier: verifier,
    }),
  });
  return await response.json();
};

/** Asks the control plane to have a deed confirmed, as the MCP server does. `deed` can also be JSON text. */
async function ask(world, token, deed, action = "ask") {
  const text = typeof deed === "string" ? deed : JSON.stringify(deed);
  const digest = createHash("sha256").update(text).digest("hex");
  const response = await fetch(`${world.facts.functions_url}/confirmations`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      apikey: world.facts.broker_key,
      authorization: `Bearer ${token}`,
    },
    body: `{"action": "${action}", "digest": "${digest}"${action === "ask" ? `, "deed": ${text}` : ""}}`,
  });
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return body;
}

const permissions = async (world, token) =>
  (
    await post(
      `${world.facts.functions_url}/tool-sieve`,
      {},
      {
        apikey: world.facts.broker_key,
        ...(token.startsWith("mcpist_")
          ? { "x-mcpist-token": token }
          : { authorization: `Bearer ${token}` }),
      },
    )
  ).body;

const status = async (world, id) =>
  (
    await world.sql("select status from auth.oauth_authorizations where authorization_id = $1", [
      id,
    ])
  )[0]?.status;

export const tests = {
  "the consent page shows where an app is, who registered it, its scopes, and what it can do":
    async (world) => {
      // The first user is the admin.
      await (await world.user("admin@example.com")).context().close();
      const page = await world.user("dora@example.com");
      await permit(world, page, "github", ["get_me", "list_issues", "create_issue", "delete_file"]);
      const request = await authorize(world, {
        name: "Claude by Anthropic (official)",
        redirect: "https://evil.example/callback",
        scope: "openid email offline_access strange",
      });
      await page.goto(request.path);
      await page.getByRole("heading", { name: TITLE }).waitFor();
      assert.equal(await page.getByTestId("destination").innerText(), "https://evil.example");
      await page.getByText("“Claude by Anthropic (official)”").waitFor();
      await page.getByText("App name (unverified)").waitFor();
      await page.getByText("The app registered itself").waitFor();
      for (const scope of [
        "your user ID in MCPist",
        "your email address",
        "access until it expires",
        "strange",
      ])
        await page.getByRole("listitem").getByText(scope).waitFor();
      await page
        .getByRole("listitem")
        .getByText("GitHub: 2 read · 1 write · 1 destructive")
        .waitFor();
      assert.equal(
        await page.locator("main .bg-warn-soft").count(),
        0,
        "a website needs no warning",
      );
      assert.deepEqual(page.problems, []);
    },

  "apps on this computer and apps behind a scheme get a warning, unsafe addresses no button":
    async (world) => {
      const page = await world.user("dora@example.com");
      for (const [redirect, shown, warning] of [
        ["http://127.0.0.1:1455/callback", "http://127.0.0.1:1455", "runs on your own computer"],
        ["http://localhost:1/callback", "http://localhost:1", "runs on your own computer"],
        [
          "evil://claude.ai/callback",
          "evil://claude.ai",
          "the app on your device that handles evil: links, not the website claude.ai",
        ],
        ["com.example.app:/back", "com.example.app://", "handles com.example.app: links"],
      ]) {
        await page.goto((await authorize(world, { redirect })).path);
        assert.equal(await page.getByTestId("destination").innerText(), shown);
        await page.getByText(warning).waitFor();
        await page.getByRole("button", { name: "Allow", exact: true }).waitFor();
      }
      for (const redirect of [
        "http://claude.ai/callback",
        "https://claude.ai@evil.example/callback",
        "javascript:alert(1)//",
        "data:text/html;x",
        "ms-msdt:/id",
      ]) {
        await page.goto((await authorize(world, { redirect })).path);
        await page.getByRole("alert").getByText("not safe").waitFor();
        assert.equal(await page.getByRole("button", { name: "Allow", exact: true }).count(), 0);
      }
    },

  "an app's name cannot rewrite or widen the consent page": async (world) => {
    const page = await world.user("dora@example.com", { viewport: { width: 360, height: 740 } });
    const redirect = "https://client.example/callback";
    await page.goto(
      (await authorize(world, { name: `\u202e${"W".repeat(200)}\u2066\nevil`, redirect })).path,
    );
    const name = page.locator("main bdi");
    assert.equal(await name.innerText(), `“\\u{202E}${"W".repeat(59)}…”`);
    assert.ok(
      await page.evaluate(
        () => document.documentElement.scrollWidth <= document.documentElement.clientWidth,
      ),
    );
  },

  "reading the consent page approves nothing, even for an app that was allowed before": async (
    world,
  ) => {
    const page = await world.user("dora@example.com");
    const redirect = "https://client.example/callback";
    const first = await authorize(world, { redirect });
    await page.goto(first.path);
    assert.equal(await status(world, first.id), "pending");
    const back = await leave(page, redirect, "Allow");
    assert.equal(back.searchParams.get("state"), "a state");
    assert.ok((await tokens(world, first, back.searchParams.get("code"))).access_token);

    // A known client: Auth would approve as soon as it is asked about the request.
    const second = await authorize(world, { redirect, client: first.client });
    for (let at = 0; at < 2; at += 1) {
      await page.goto(second.path);
      await page.getByText("You have allowed this app before").waitFor();
      assert.equal(await status(world, second.id), "pending");
    }
    const denied = await leave(page, redirect, "Deny");
    assert.equal(denied.searchParams.get("error"), "access_denied");
    assert.equal(denied.searchParams.get("state"), "a state");
    assert.equal(denied.searchParams.get("code"), null);
    assert.equal(await status(world, second.id), "pending", "a refusal does not ask Auth");
    await page.goto(second.path);
    const again = await leave(page, redirect, "Allow");
    assert.ok((await tokens(world, second, again.searchParams.get("code"))).access_token);
    assert.deepEqual(page.problems, []);
  },

  "another user cannot open a request that was taken": async (world) => {
    const page = await world.user("dora@example.com");
    const request = await authorize(world, { redirect: "https://client.example/callback" });
    await world.sql(
      "update auth.oauth_authorizations set user_id = $1 where authorization_id = $2",
      [page.id, request.id],
    );
    const other = await world.user("eric@example.com");
    await other.goto(request.path);
    await other.getByRole("alert").getByText("belongs to another user").waitFor();
    await page.goto(request.path);
    await page.getByRole("heading", { name: TITLE }).waitFor();
  },

  "an app gets what the user chose: read-only, services, an end; later changed and revoked": async (
    world,
  ) => {
    const page = await world.user("dora@example.com");
    await permit(world, page, "notion", ["search", "create_page"]);
    const redirect = "https://limited.example/callback";
    const request = await authorize(world, { name: "Limited", redirect });
    await page.goto(request.path);
    await page.getByLabel("Read-only").check();
    assert.equal(await page.getByLabel("Notion").isVisible(), false);
    await page.getByLabel("Only selected services").check();
    await page.getByLabel("Notion").uncheck();
    await page.getByLabel("GitHub").uncheck();
    await page.getByRole("button", { name: "Allow", exact: true }).click();
    await page.getByRole("alert").getByText("Select at least one service").waitFor();
    assert.equal(await status(world, request.id), "pending");
    await page.getByLabel("GitHub").check();
    await page.getByLabel("Expires").selectOption("30");
    const back = await leave(page, redirect, "Allow");
    const { access_token } = await tokens(world, request, back.searchParams.get("code"));
    const { modules } = await permissions(world, access_token);
    assert.deepEqual(Object.keys(modules), ["github"]);
    assert.deepEqual(modules.github.tools, ["get_me", "list_issues"]);

    await page.goto("/settings");
    const row = page.getByRole("row", { name: /Limited/ });
    await row.getByText("Read-only · GitHub").waitFor();
    await row.getByText("https://limited.example").waitFor();
    const end = async () =>
      (
        await world.sql("select expires_at from public.client_grants where client_id = $1", [
          request.client,
        ])
      )[0].expires_at.getTime();
    const before = await end();
    assert.ok(Math.abs(before - Date.now() - 30 * 86_400_000) < 600_000);
    await page.getByRole("link", { name: "Edit: Limited" }).click();
    const dialog = page.getByRole("dialog");
    assert.ok(await dialog.getByLabel("Read-only").isChecked());
    assert.equal(await dialog.getByLabel("Notion").isChecked(), false);
    await dialog.getByLabel("Read-only").uncheck();
    await dialog.getByLabel("Notion").check();
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "detached" });
    await row.getByText("Read and write · GitHub, Notion").waitFor();
    assert.equal(await end(), before, "the end is unchanged");
    const wider = await permissions(world, access_token);
    assert.deepEqual(Object.keys(wider.modules).sort(), ["github", "notion"]);
    assert.ok(wider.modules.github.tools.includes("create_issue"));

    await page.getByRole("button", { name: "Revoke: Limited" }).click();
    await row.waitFor({ state: "detached" });
    assert.equal((await permissions(world, access_token)).error.code, "session_ended");
    assert.deepEqual(page.problems, []);
  },

  "an API token has limits, which are shown": async (world) => {
    const page = await world.user("dora@example.com");
    await page.goto("/settings");
    await page.locator("input[name=name]").fill("limited token");
    await page.getByLabel("Read-only").check();
    await page.getByLabel("Only selected services").check();
    await page.getByLabel("GitHub").uncheck();
    await page.getByRole("button", { name: "Create token" }).click();
    const { modules } = await permissions(world, await page.getByTestId("secret").innerText());
    assert.deepEqual(Object.keys(modules), ["notion"]);
    assert.deepEqual(modules.notion.tools, ["search"]);
    await page
      .getByRole("row", { name: /limited token/ })
      .getByText("Read-only · Notion")
      .waitFor();
    const [{ days }] = await world.sql(
      "select round(extract(epoch from expires_at - now()) / 86400) as days from public.api_tokens where name = 'limited token'",
    );
    assert.equal(Number(days), 90);
    // A token from before tokens had to end.
    await world.sql("update public.api_tokens set expires_at = null where name = 'limited token'");
    await page.reload();
    await page
      .getByRole("row", { name: /limited token/ })
      .getByText("Never")
      .waitFor();
    assert.deepEqual(page.problems, []);
  },

  "a waiting call is shown whole, and the answer is given once": async (world) => {
    const page = await world.user("dora@example.com");
    const token = await page.token({ client_id: randomUUID() });
    const query = `select 1 /* ${"tidy up ".repeat(15_000)} */; drop\u202etable "x"\n-- \u200bend`;
    const deed = {
      calls: [
        {
          module: "supabase",
          tool: "execute_sql",
          account: "work\u2066",
          params: {
            project_ref: "<img src=x onerror=alert(1)>",
            query,
            "odd\nname": [1, { a: "\u202e" }],
          },
          effect: "destructive",
        },
        { module: "own", tool: "remove", params: {} },
      ],
      origin: "batch",
    };
    const { id } = await ask(world, token, deed);
    await page.goto("/");
    await page.getByRole("heading", { name: "Waiting for your decision" }).waitFor();
    await page.getByText("supabase.execute_sql, own.remove").waitFor();
    await page.getByRole("link", { name: "Review" }).click();
    await page.getByRole("heading", { name: "Confirm a call" }).waitFor();
    assert.equal(new URL(page.url()).pathname, `/confirm/${id}`);
    await page.getByText("supabase.execute_sql").waitFor();
    await page.getByText("own.remove").waitFor();
    await page.getByText("“a client”").waitFor();
    const value = (name) => page.getByLabel(name, { exact: true }).innerText();
    assert.equal(await value("project_ref"), deed.calls[0].params.project_ref);
    assert.equal(
      await value("query"),
      query.replace("\u202e", "\\u{202E}").replace("\n", "\\n\n").replace("\u200b", "\\u{200B}"),
      "all of it, with visible escapes",
    );
    assert.match(await value("odd\\nname"), /"a": "\\u\{202E\}"/);
    assert.equal(await value("effect"), "destructive");
    assert.match(await value("Details"), /"origin": "batch"/);
    await page.getByText("“work\\u{2066}”").waitFor();
    assert.equal(await page.locator("main img").count(), 0);
    assert.equal((await ask(world, token, deed, "take")).decision, "pending");
    await page.getByRole("button", { name: "Yes, run it" }).click();
    await page.getByRole("status").getByText("Approved").waitFor();
    assert.equal(await page.getByRole("button", { name: "Yes, run it" }).count(), 0);
    await page.reload();
    await page.getByRole("alert").getByText("already been decided").waitFor();
    assert.equal((await ask(world, token, deed, "take")).decision, "yes");
    assert.equal((await ask(world, token, deed, "take")).decision, "unknown");
    await page.goto("/");
    assert.equal(await page.getByText("Waiting for your decision").count(), 0);
    await page.goto("/settings");
    await page.locator("#audit").getByText("Confirmation decided").first().waitFor();
    assert.deepEqual(page.problems, []);
  },

  "numbers are shown as they were sent, not rounded": async (world) => {
    const page = await world.user("dora@example.com");
    const deed = `{"calls": [{"module": "own", "tool": "pay", "params": {"id": 9007199254740993, "list": [1.10, 1e400, -0], "price": 0.1}}]}`;
    const { id } = await ask(world, await page.token(), deed);
    await page.goto(`/confirm/${id}`);
    const value = (name) => page.getByLabel(name, { exact: true }).innerText();
    assert.equal(await value("id"), "9007199254740993");
    assert.equal((await value("list")).replace(/[\\n\s]+/g, ""), "[1.10,1e400,-0]");
    assert.equal(await value("price"), "0.1");
    await page.getByRole("button", { name: "No", exact: true }).click();
    await page.getByRole("status").getByText("Declined").waitFor();
  },

  "a confirmation works after sign-in and without scripts, and No is a no": async (world) => {
    const user = await world.user("dora@example.com");
    const token = await user.token();
    const deed = { calls: [{ module: "github", tool: "delete_file", params: { path: "a" } }] };
    const { id } = await ask(world, token, deed);
    const page = await world.visitor();
    await page.goto(`/confirm/${id}`);
    assert.equal(new URL(page.url()).pathname, "/login");
    await world.signIn(page, "dora@example.com");
    assert.equal(page.url(), `${world.console_url}/confirm/${id}`);
    const plain = await world.visitor({
      javaScriptEnabled: false,
      storageState: await page.context().storageState(),
    });
    await plain.goto(`/confirm/${id}`);
    await plain.getByText("github.delete_file").waitFor();
    await plain.getByRole("button", { name: "No", exact: true }).click();
    await plain.waitForLoadState();
    assert.equal((await ask(world, token, deed, "take")).decision, "no");
    assert.deepEqual(page.problems, []);
  },

  "another user's, an expired and an unknown confirmation are a clear page": async (world) => {
    const dora = await world.user("dora@example.com");
    const deed = {
      calls: [{ module: "github", tool: "delete_file", params: { path: "secret-path" } }],
    };
    const { id } = await ask(world, await dora.token(), deed);
    const eric = await world.user("eric@example.com");
    for (const target of [id, randomUUID(), "x", `${id}x`]) {
      await eric.goto(`/confirm/${target}`);
      await eric.getByRole("alert").getByText("doesn't exist").waitFor();
      assert.ok(!(await eric.content()).includes("secret-path"));
    }
    await dora.goto(`/confirm/${id}`);
    await dora.getByText("secret-path").waitFor();
    await world.sql("update public.confirmations set expires_at = now() where id = $1", [id]);
    await dora.getByRole("button", { name: "Yes, run it" }).click();
    await dora.getByRole("alert").getByText("doesn't exist").waitFor();
    await dora.reload();
    await dora.getByRole("alert").getByText("doesn't exist").waitFor();
    assert.deepEqual([...dora.problems, ...eric.problems], []);
  },

  "a program that fetches the link or posts its form decides nothing": async (world) => {
    const page = await world.user("dora@example.com");
    const token = await page.token();
    const deed = { calls: [{ module: "github", tool: "delete_file", params: { path: "b" } }] };
    const { id } = await ask(world, token, deed);
    const url = `${world.console_url}/confirm/${id}`;
    await page.goto(url);
    // What the page's form would send, without the session, and with it from another origin.
    const fields = await page
      .locator("main form input")
      .evaluateAll((inputs) => Object.fromEntries(inputs.map(({ name, value }) => [name, value])));
    for (const headers of [
      { origin: world.console_url },
      {},
      { authorization: `Bearer ${token}`, origin: world.console_url },
    ]) {
      assert.notEqual((await fetch(url, { headers, redirect: "manual" })).status, 200);
      const posted = await fetch(url, {
        method: "POST",
        headers,
        body: new URLSearchParams({ ...fields, decision: "yes" }),
        redirect: "manual",
      });
      assert.ok([401, 403].includes(posted.status), String(posted.status));
    }
    const other = await page.request.post(url, {
      headers: { origin: "http://localhost:1" },
      form: { ...fields, decision: "yes" },
    });
    assert.equal(other.status(), 403);
    // The client's own token opens the RPC no more than the page.
    const client = await page.token({ client_id: randomUUID() });
    const rpc = await post(
      `${world.facts.rest_url}/rpc/decide_confirmation`,
      { p_id: id, p_yes: true },
      { apikey: world.facts.anon_key, authorization: `Bearer ${client}` },
    );
    assert.equal(rpc.status, 403);
    assert.equal((await ask(world, token, deed, "take")).decision, "pending");
  },

  "a role can demand that the user confirms": async (world) => {
    const dora = await world.user("dora@example.com");
    const token = await dora.token();
    assert.equal((await permissions(world, token)).confirm, null);
    const role = await permit(world, dora, "jira", ["get_issue"]);
    const page = await world.user("admin@example.com");
    for (const [value, badge] of [
      ["code", "Code"],
      ["human", "User confirms"],
      ["", undefined],
    ]) {
      await page.goto(`/admin/roles?role=${role}`);
      await page.getByLabel("Confirmation before destructive tools").selectOption(value);
      await page.getByRole("button", { name: "Save", exact: true }).click();
      await page.getByRole("status").getByText("Saved.").waitFor();
      const item = page.getByRole("listitem").filter({ has: page.locator("[aria-current]") });
      if (badge) await item.getByText(badge, { exact: true }).waitFor();
      assert.equal((await permissions(world, token)).confirm, value || null);
    }
    await page.goto("/admin/roles?new=1");
    await page.getByRole("dialog").getByLabel("Name").fill(`Strict ${randomUUID()}`);
    await page
      .getByRole("dialog")
      .getByLabel("Confirmation before destructive tools")
      .selectOption("human");
    await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
    await page.waitForURL("**/admin/roles?role=*");
    assert.equal(
      await page.getByLabel("Confirmation before destructive tools").inputValue(),
      "human",
    );
    assert.deepEqual(page.problems, []);
  },

  "sign-in offers what Auth has enabled, and a link by email only where email is": async (
    world,
  ) => {
    const auth = (settings) =>
      post(`${world.facts.gateway_url}/test/settings`, settings).then(({ body }) => body);
    const page = await world.visitor();
    const before = await auth({ email: false, external: { google: true } });
    try {
      await page.goto("/login");
      assert.deepEqual(await page.locator("main button").allInnerTexts(), ["Continue with Google"]);
      await auth({ external: {} });
      await page.reload();
      await page.getByText("No sign-in method is enabled").waitFor();
      await auth({ email: true });
      await page.goto("/login?next=/settings");
      const form = page.locator("form", {
        has: page.getByRole("button", { name: "Email me a sign-in link" }),
      });
      // A stranger gets the same answer as a member.
      for (const email of ["stranger2@example.com", "dora@example.com"]) {
        await page.goto("/login?next=/settings");
        await form.getByLabel("Email address").fill(email);
        await form.getByRole("button").click();
        await page.getByRole("status").getByText(`If ${email} has been invited`).waitFor();
      }
      const mails = async (to) =>
        (await post(`${world.facts.gateway_url}/test/mails`, { to })).body;
      assert.deepEqual(await mails("stranger2@example.com"), []);
      const { token, type } = (await mails("dora@example.com")).at(-1);
      await page.goto(`${world.facts.issuer}/verify?token=${token}&type=${type}`);
      await page.waitForURL(`${world.console_url}/settings`);
      await page.getByText("dora@example.com").first().waitFor();
    } finally {
      await auth(before);
    }
    assert.deepEqual(page.problems, []);
  },
};
