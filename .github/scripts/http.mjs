// Shared by the scripts: JSON requests, polling, and reporting failures.
import { setTimeout as sleep } from "node:timers/promises";

/** A failed response (`status`), or no response (`status` is 0). Its message contains no headers, so no token. */
export class RequestError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Sends one request and returns the body parsed as JSON, or as text if it is not JSON. */
export async function request(method, url, { token, body, headers = {}, timeoutMs = 15_000 } = {}) {
  const what = `${method} ${new URL(url).pathname}`;
  let answer, text;
  try {
    answer = await fetch(url, {
      method,
      headers: {
        accept: "application/json",
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      body: typeof body === "string" ? body : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
    text = await answer.text();
  } catch (error) {
    throw new RequestError(`${what}: no answer (${error.cause?.code ?? error.name})`, 0);
  }
  const content = parse(text);
  if (!answer.ok) {
    const reason = content?.message ?? content?.error;
    throw new RequestError(
      `${what}: HTTP ${answer.status}${typeof reason === "string" ? `, ${reason}` : ""}`,
      answer.status,
    );
  }
  return content;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Calls `attempt` every `everyMs` until it returns a value; returns undefined after `withinMs`. */
export async function poll(withinMs, everyMs, attempt) {
  const deadline = Date.now() + withinMs;
  while (true) {
    const found = await attempt();
    if (found !== undefined) return found;
    if (Date.now() + everyMs > deadline) return undefined;
    await sleep(everyMs);
  }
}

/** Ends the script with a message and an exit code: 1 failed, 2 wrong usage; a script can define more. */
export class Stop extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** Returns the environment variables with these names; a missing one ends the script. */
export function environment(...names) {
  const missing = names.filter((name) => !process.env[name]);
  if (missing.length > 0) throw new Stop(2, `Not set: ${missing.join(", ")}`);
  return names.map((name) => process.env[name]);
}

/** A number from the environment. */
export function number(name, otherwise) {
  const value = Number(process.env[name] ?? otherwise);
  if (!(value > 0)) throw new Stop(2, `${name} is a number over 0`);
  return value;
}

/** Runs a script's main function; converts exceptions to a workflow error and an exit code. */
export async function main(run) {
  try {
    await run();
  } catch (error) {
    const known = error instanceof Stop || error instanceof RequestError;
    const message = known ? error.message : error.stack;
    // GitHub Actions shows this line at the top of the run; line breaks are written as %0A.
    console.log(
      process.env.GITHUB_ACTIONS
        ? `::error::${message.replaceAll("%", "%25").replaceAll("\n", "%0A")}`
        : `Error: ${message}`,
    );
    process.exitCode = error instanceof Stop ? error.code : 1;
  }
}
