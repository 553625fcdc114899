//! The requests that the parts send, in the 2026-07-28 era, over ureq.

use std::error::Error;

use serde_json::{Value, json};

/// The body of a request with these parameters beside the metadata that every request carries.
pub fn body(method: &str, mut params: Value) -> String {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

/// Sends a request and returns the answer's body, which has a result that is not a failure.
pub fn send(
    agent: &ureq::Agent,
    url: &str,
    method: &str,
    name: Option<&str>,
    body: &str,
) -> Result<String, Box<dyn Error>> {
    let mut request = agent
        .post(url)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method);
    if let Some(name) = name {
        request = request.header("mcp-name", name);
    }
    let answer = request.send(body)?.body_mut().read_to_string()?;
    if !answer.contains("\"result\":") || answer.contains("\"isError\":true") {
        return Err(format!("{method} failed: {answer}").into());
    }
    Ok(answer)
}
