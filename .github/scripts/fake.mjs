// For tests: an HTTP server on loopback, and running a script against it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { json, text } from "node:stream/consumers";

/** Starts a server. `answer(method, path, body, headers)` gives [status, body]; every call is recorded as "METHOD path". */
export async function fake(context, answer) {
  const calls = [];
  const server = createServer(async (incoming, outgoing) => {
    const type = incoming.headers["content-type"] ?? "";
    const body = type.includes("json") ? await json(incoming) : await text(incoming);
    calls.push(`${incoming.method} ${incoming.url}`);
    const [status, content] = answer(incoming.method, incoming.url, body, incoming.headers);
    // Status 0: the connection breaks.
    if (status === 0) return void outgoing.destroy();
    outgoing
      .writeHead(status, { "content-type": "application/json" })
      .end(JSON.stringify(content ?? {}));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, calls };
}

/** Runs a Node script; returns its exit code and output. */
export async function run(script, env, { input = "", args = [] } = {}) {
  const child = spawn(process.execPath, [script.pathname ?? script, ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
  });
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  return { code: child.exitCode, output: stdout + stderr };
}
