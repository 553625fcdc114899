import assert from "node:assert/strict";

export const tests = {
  "the first user to sign in becomes the admin": async (world) => {
    const page = await world.user("admin@example.com");
    await page.getByRole("heading", { level: 1 }).getByText("Hello").waitFor();
    await page.getByRole("link", { name: "Users" }).waitFor();
    assert.deepEqual(page.problems, []);
  },

  "an address outside the allow-list gets the reason": async (world) => {
    const page = await world.visitor();
    await page.goto("/login");
    await world.signIn(page, "stranger@example.com");
    await page.getByRole("alert").getByText("hasn't been invited").waitFor();
    assert.deepEqual(
      await world.sql("select id from auth.users where email = 'stranger@example.com'"),
      [],
    );
  },

  "sign-in returns to the requested page": async (world) => {
    await world.sql("insert into public.allowed_emails (email) values ('ada@example.com')");
    const page = await world.visitor();
    await page.goto("/oauth/connect?service=github");
    assert.equal(new URL(page.url()).pathname, "/login");
    await world.signIn(page, "ada@example.com", "GitHub");
    assert.equal(page.url(), `${world.console_url}/oauth/connect?service=github`);
    await page.getByText("You don't have access to this service").waitFor();
  },

  "the language is the browser's until the user selects another": async (world) => {
    const page = await world.visitor({ locale: "ja-JP" });
    await page.goto("/login");
    await page.getByRole("heading", { name: "サインイン" }).waitFor();
    assert.equal(await page.locator("html").getAttribute("lang"), "ja");
    await page.getByRole("button", { name: "English" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await page.reload();
    assert.equal(await page.locator("html").getAttribute("lang"), "en");
  },

  "the theme is the system's until the user selects one, and the server renders it": async (
    world,
  ) => {
    const page = await world.user("admin@example.com", { colorScheme: "dark" });
    const ground = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const [light, dark] = ["rgb(246, 247, 249)", "rgb(16, 19, 23)"];
    await page.goto("/settings");
    assert.equal(await ground(page), dark);
    await page.getByRole("button", { name: "Light" }).click();
    await page.getByRole("button", { name: "Light", pressed: true }).waitFor();
    assert.equal(await ground(page), light);
    await page.reload();
    assert.equal(await ground(page), light);
    // Without scripts, the server's page already has the theme.
    const plain = await world.visitor({
      colorScheme: "dark",
      javaScriptEnabled: false,
      storageState: await page.context().storageState(),
    });
    await plain.goto("/settings");
    assert.equal(await plain.locator("html").getAttribute("data-theme"), "light");
    await plain.getByRole("button", { name: "Dark" }).click();
    await plain.waitForLoadState();
    assert.equal(await plain.locator("html").getAttribute("data-theme"), "dark");
    await page.getByRole("button", { name: "System" }).click();
    await page.getByRole("button", { name: "System", pressed: true }).waitFor();
    await page.emulateMedia({ colorScheme: "light" });
    assert.equal(await ground(page), light);
    await page.emulateMedia({ colorScheme: "dark" });
    assert.equal(await ground(page), dark);
  },

  "sign-in does not redirect to another site": async (world) => {
    // More addresses are in the table in 3-refusals.
    for (const next of ["//evil.example", "/..//evil.example"]) {
      const page = await world.visitor();
      await page.goto(`/login?next=${encodeURIComponent(next)}`);
      await world.signIn(page, "admin@example.com");
      assert.equal(new URL(page.url()).origin, world.console_url, next);
      await page.context().close();
    }
  },

  "scripts cannot read the session, and signing out ends it": async (world) => {
    const page = await world.user("admin@example.com", { ownSession: true });
    const cookies = await page.context().cookies();
    assert.ok(
      cookies.every(({ name, httpOnly }) => httpOnly || !/auth-token/.test(name)),
      "scripts cannot read the session",
    );
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL("**/login");
    await page.goto("/settings");
    assert.equal(new URL(page.url()).pathname, "/login");
  },
};
