import "server-only";

/** Cheap read-only tools without arguments, to test a connection. */
const PROBES = ["get_me", "list_organizations", "list_calendars", "list_lists"];

export const probeOf = (tools: string[]) => PROBES.find((probe) => tools.includes(probe));

/** Calls a tool as an MCP client of the signed-in user. Returns its text and whether it failed. */
export async function callTool(
  server: string,
  token: string,
  call: { module: string; tool: string; account?: string },
): Promise<{ failed: boolean; text: string }> {
  const version = "2026-07-28";
  const response = await fetch(server, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      authorization: `Bearer ${token}`,
      "mcp-protocol-version": version,
      "mcp-method": "tools/call",
      "mcp-name": "call",
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: {
        name: "call",
        arguments: { ...call, params: {} },
        _meta: {
          "io.modelcontextprotocol/protocolVersion": version,
          "io.modelcontextprotocol/clientCapabilities": {},
          "io.modelcontextprotocol/clientInfo": { name: "MCPist console", version: "1" },
        },
      },
    }),
    cache: "no-store",
    redirect: "error",
    signal: AbortSignal.timeout(20_000),
  });
  const body = await response.text();
  // The response is JSON, or the last event of an event stream.
  const json = response.headers.get("content-type")?.startsWith("text/event-stream")
    ? body
        .split("\n")
        .filter((line) => line.startsWith("data:"))
        .at(-1)
        ?.slice(5)
    : body;
  const { result, error } = JSON.parse(json ?? "{}") as {
    result?: { isError?: boolean; content: { text?: string }[] };
    error?: { message?: string };
  };
  if (!result) return { failed: true, text: error?.message ?? `HTTP ${response.status}` };
  return {
    failed: result.isError === true,
    text: result.content.map(({ text }) => text ?? "").join("\n"),
  };
}
