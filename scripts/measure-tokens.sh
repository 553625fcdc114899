#!/usr/bin/env bash
# Measures MCPist's cost in tokens and writes docs/tokens.md. Needs git: the server for comparison is cloned into target/, or taken from
# the clone in GITHUB_MCP_SERVER.
set -euo pipefail
cd "$(dirname "$0")/.."

. scripts/tools.sh
npm_folder scripts

other="${GITHUB_MCP_SERVER:-target/github-mcp-server}"
if [ ! -d "$other" ]; then
    git clone --quiet --bare --filter=blob:none https://github.com/github/github-mcp-server.git "$other"
fi

cargo build --locked --quiet --bin mcpist --example results
cargo run --locked --quiet --example results > target/results.jsonl
node scripts/measure-tokens/page.mjs "$other" target/debug/mcpist target/results.jsonl > target/tokens.md
mv target/tokens.md docs/tokens.md
echo "docs/tokens.md was written"
