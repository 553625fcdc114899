// The configuration of the functions and of Auth.
import assert from "node:assert/strict";
import { readConfig } from "../stack/auth_settings.mjs";

const FUNCTIONS = new URL("../../functions/", import.meta.url);

/** Starts a function with these secrets; gives what it says when it does not start. */
async function start(secrets: Record<string, string | undefined>): Promise<string> {
  const env: Record<string, string | undefined> = {
    PATH: Deno.env.get("PATH"),
    HOME: Deno.env.get("HOME"),
    DENO_DIR: Deno.env.get("DENO_DIR"),
    NO_COLOR: "1",
    DENO_SERVE_ADDRESS: "tcp:127.0.0.1:0",
    SUPABASE_URL: "http://127.0.0.1:1",
    SUPABASE_SECRET_KEYS: '{"default": "sb_secret_default"}',
    SUPABASE_PUBLISHABLE_KEYS:
      '{"default": "sb_publishable_default", "mcp-server": "sb_publishable_server"}',
    SUPABASE_ANON_KEY: "an-anon-key-of-the-older-kind-which-is-a-jwt",
    CONSOLE_URL: "http://localhost:3000",
    TOKEN_BROKER_KEY: "sb_publishable_server",
    ...secrets,
  };
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", "--cached-only", "--allow-net", "--allow-env", "index.ts"],
    cwd: new URL("tool-sieve/", FUNCTIONS),
    env: Object.fromEntries(
      Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
    ),
    clearEnv: true,
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let said = "";
  for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) {
    said += part;
    if (/Listening on/.test(said)) break;
  }
  try {
    child.kill("SIGKILL");
  } catch {
    // The process has ended.
  }
  await child.status;
  return /Listening on/.test(said) ? "" : said;
}

Deno.test("a function does not start without the MCP server's own key", async () => {
  assert.equal(await start({}), "");
  assert.equal(await start({ TOKEN_BROKER_KEY: "f".repeat(64) }), "");
  for (const [key, words] of [
    [undefined, /TOKEN_BROKER_KEY is not set/],
    ["", /TOKEN_BROKER_KEY is not set/],
    ["sb_publishable_default", /TOKEN_BROKER_KEY is a key that others also have/],
    ["an-anon-key-of-the-older-kind-which-is-a-jwt", /is a key that others also have/],
    ["sb_secret_default", /is a key that others also have/],
    ["hunter2", /TOKEN_BROKER_KEY is shorter than 32 characters/],
  ] as [string | undefined, RegExp][]) {
    const said = await start({ TOKEN_BROKER_KEY: key });
    assert.match(said, words, `${key}`);
    if (key) assert.ok(!said.split("\n")[0].includes(key), "it does not show the key");
  }
});

Deno.test("the functions use the secret key `functions`, or else `default`", async () => {
  assert.equal(
    await start({ SUPABASE_SECRET_KEYS: '{"a": "sb_secret_a", "functions": "sb_secret_f"}' }),
    "",
  );
  assert.match(
    await start({ SUPABASE_SECRET_KEYS: '{"console": "sb_secret_a", "ci": "sb_secret_b"}' }),
    /There is no secret key named `functions` or `default`, only: console, ci/,
  );
  assert.match(
    await start({ SUPABASE_SECRET_KEYS: undefined }),
    /SUPABASE_SERVICE_ROLE_KEY is not set/,
  );
  assert.equal(
    await start({ SUPABASE_SECRET_KEYS: undefined, SUPABASE_SERVICE_ROLE_KEY: "a-jwt" }),
    "",
  );
});

// For settings that the file omits, `config push` sends the CLI's default. So the file must contain every setting that affects sign-in.
Deno.test("config.toml contains every security setting of Auth with the right value", () => {
  const config = readConfig() as Record<string, unknown>;
  const expected: Record<string, unknown> = {
    site_url: "env(CONSOLE_URL)",
    additional_redirect_urls: [],
    jwt_expiry: 3600,
    enable_refresh_token_rotation: true,
    refresh_token_reuse_interval: 10,
    enable_signup: true,
    enable_anonymous_sign_ins: false,
    enable_manual_linking: false,
    minimum_password_length: 12,
    "email.enable_signup": false,
    "email.enable_confirmations": true,
    "email.double_confirm_changes": true,
    "email.secure_password_change": true,
    "sms.enable_signup": false,
    "mfa.totp.enroll_enabled": false,
    "mfa.totp.verify_enabled": false,
    "mfa.phone.enroll_enabled": false,
    "mfa.phone.verify_enabled": false,
    "mfa.web_authn.enroll_enabled": false,
    "mfa.web_authn.verify_enabled": false,
    "passkey.enabled": false,
    "sessions.timebox": "0s",
    "sessions.inactivity_timeout": "0s",
    "web3.solana.enabled": false,
    "web3.ethereum.enabled": false,
    "hook.before_user_created.enabled": true,
    "hook.custom_access_token.enabled": true,
    "oauth_server.enabled": true,
  };
  for (const [key, value] of Object.entries(expected))
    assert.deepEqual(config[`auth.${key}`], value, key);
  assert.equal(config["api.max_rows"], 1000);
  assert.deepEqual(config["api.schemas"], ["public"]);
  const functions = [...Deno.readDirSync(FUNCTIONS)].filter(
    ({ name, isDirectory }) => isDirectory && name !== "_shared",
  );
  for (const { name } of functions)
    assert.equal(config[`functions.${name}.verify_jwt`], false, name);
});

// A test is written as a file in backquotes and its name in quotes, which `…` may shorten, or in backquotes for Rust. `fn`, `db`, `ui`
// and `it` stand for folders.
Deno.test("every test that SECURITY.md names exists", async () => {
  const root = new URL("../../../", import.meta.url);
  const folders: Record<string, string> = {
    fn: "supabase/tests/functions/",
    db: "supabase/tests/database/",
    ui: "admin/tests/",
    it: "tests/it/",
  };
  const table = (await Deno.readTextFile(new URL("SECURITY.md", root))).split("## Findings")[1];
  let named = 0;
  for (const row of table.split("\n").filter((line) => line.startsWith("| "))) {
    let folder = "";
    let tests = "";
    for (const [, short, file, quoted, rust] of row
      .split(" | ")
      .at(-1)!
      .matchAll(/\b(fn|db|ui|it) (?=`)|`([^`"]+\.(?:ts|sql|mjs|rs))`|"([^"]+)"|`([a-z0-9_]+)`/g)) {
      if (short) folder = folders[short];
      else if (file)
        tests = await Deno.readTextFile(
          new URL(file.includes("/") ? file : folder + file, root),
        ).catch(() => assert.fail(`${row}: there is no file ${file}`));
      else {
        const name = rust ?? quoted;
        named += 1;
        const text = name.split("…")[0].trim();
        assert.ok(
          tests.includes(text) || tests.includes(text.replaceAll("'", "''")),
          `${row}: there is no test "${name}"`,
        );
      }
    }
  }
  assert.ok(named > 15, `${named} tests`);
});
