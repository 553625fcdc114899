// MCPist at its public URL.
import { poll, request, Stop } from "./http.mjs";

/** The server; `waiting` as in `Koyeb`. */
export class Server {
  constructor(url, waiting) {
    this.url = url.replace(/\/+$/, "");
    this.waiting = waiting;
  }

  /** The commit that the server shows, possibly shortened; undefined if it was built without one. */
  async commit() {
    const { commit } = await request("GET", `${this.url}/api/version`, { timeoutMs: 30_000 });
    return /^[0-9a-f]{7,40}$/.test(commit) ? commit : undefined;
  }

  /** Waits until the server is healthy and shows this commit: traffic switches shortly after a deployment is healthy. */
  async serves(commit) {
    let found = "";
    const right = await poll(this.waiting.within, this.waiting.every, async () => {
      try {
        await request("GET", `${this.url}/health`, { timeoutMs: 30_000 });
        const shown = await this.commit();
        if (shown && commit.startsWith(shown)) return true;
        found = `/api/version shows ${shown ?? "no commit"}, not ${commit}`;
      } catch (error) {
        found = error.message;
      }
      return undefined;
    });
    if (!right) throw new Stop(1, `The smoke test of ${this.url} failed: ${found}`);
  }
}
