// Programs that run as long as the stack.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { createServer } from "node:net";

/// Returns a free port.
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/// Runs a program to its end; throws with its output if it fails.
export async function run(program, args, options = {}) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text) => (output += text));
  const [code] = await Promise.race([
    once(child, "close"),
    once(child, "error").then(([error]) => Promise.reject(error)),
  ]);
  if (code !== 0) throw new Error(`${program} ${args[0]} ended with ${code}:\n${output}`);
  return output;
}

/// A long-running program with its output in a file.
export class Service {
  constructor(name, program, args, { log, ...options }) {
    this.name = name;
    this.output = "";
    this.child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    this.ended = new Promise((resolve) => {
      this.child.on("close", (code, signal) => resolve(`${name} ended with ${code ?? signal}`));
      this.child.on("error", (error) => resolve(`${name} does not start: ${error.message}`));
    });
    const file = createWriteStream(log, { flags: "a" });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        this.output = (this.output + text).slice(-20_000);
        file.write(text);
      });
    }
  }

  /// Calls `ready` until it returns a value; throws if the program ends before that, or after a minute.
  async until(ready) {
    let ended;
    this.ended.then((how) => (ended = how));
    for (
      const deadline = Date.now() + 60_000;
      ;
      await new Promise((resolve) => setTimeout(resolve, 25))
    ) {
      const answer = await ready(this.output);
      if (answer !== undefined) return answer;
      if (ended || Date.now() > deadline)
        throw new Error(`${ended ?? `${this.name} is not ready`}:\n${this.output}`);
    }
  }

  async stop(signal = "SIGTERM") {
    this.child.kill(signal);
    await this.ended;
  }
}
