-- The wrk script: sends the MCP request (2026-07-28) named by the argument and prints its figures on one line.

local META = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
  .. '"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}'

local PARAMS = {
  ["tools/list"] = META,
  ["tools/call"] = META
    .. ',"name":"call","arguments":{"module":"github","tool":"get_repository","params":{"owner":"acme","repo":"rocket"}}',
}

function init(arguments)
  local method = arguments[1]
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Accept"] = "application/json, text/event-stream"
  wrk.headers["MCP-Protocol-Version"] = "2026-07-28"
  wrk.headers["Mcp-Method"] = method
  if method == "tools/call" then
    wrk.headers["Mcp-Name"] = "call"
  end
  wrk.body = string.format('{"jsonrpc":"2.0","id":1,"method":"%s","params":{%s}}', method, PARAMS[method])
end

-- "figures", requests, requests per second, median and 99th percentile in microseconds, failures.
function done(summary, latency)
  local errors = summary.errors
  print(string.format("figures %d %d %d %d %d", summary.requests, summary.requests * 1e6 / summary.duration,
    latency:percentile(50), latency:percentile(99), errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
