// Checks that the server is healthy and ready for calls.
//
//   MCPIST_URL  node ping.mjs
import { environment, main, number, poll, request, Stop } from "./http.mjs";

await main(async () => {
  const [address] = environment("MCPIST_URL");
  const url = address.replace(/\/+$/, "");
  const every = number("POLL_SECONDS", 5) * 1000;
  // A free instance sleeps when idle; the first request wakes it.
  const within = number("PING_SECONDS", 120) * 1000;
  const begun = Date.now();
  for (const path of ["/health", "/ready"]) {
    let failure;
    const well = await poll(within, every, () =>
      request("GET", `${url}${path}`).then(
        () => true,
        (error) => {
          failure = error;
        },
      ),
    );
    if (!well) throw new Stop(1, `${url} is not well: ${failure.message}`);
    console.log(`${path}: well after ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  }
  const { version, commit } = await request("GET", `${url}/api/version`);
  console.log(`MCPist ${version}, commit ${commit}`);
});
