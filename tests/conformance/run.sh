#!/usr/bin/env bash
# Runs the official MCP conformance suite: the fixture server (fixture/) with all scenarios required by the newest revision of each era,
# and the product with the scenarios that need no fixture. Prints one line per scenario, and the checks that did not pass.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Optional and not offered: the tasks extension, and streams that the server closes for polling.
not_offered='^(tasks-.*|server-sse-polling)$'

target=${CARGO_TARGET_DIR:-target}
results=$target/conformance/results
failed=0
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT

# Starts a server and sets `url` to its endpoint.
start() {
    local name=$1 log=$results/$1.log deadline=$((SECONDS + 30))
    shift
    "$@" >"$log" 2>&1 &
    until url=$(grep -soEm1 'http://127\.0\.0\.1:[0-9]+/mcp' "$log"); do
        if ! kill -0 $! 2>/dev/null || ((SECONDS > deadline)); then
            echo "$name did not print an endpoint:" && cat "$log"
            exit 1
        fi
        sleep 0.1
    done
    url=${url%%$'\n'*}
}

# Runs the suite on `url` with these options and stores its results in a folder.
conformance() {
    local output=$1
    shift
    mkdir -p "$output"
    scripts/node_modules/.bin/conformance server --url "$url" --output-dir "$output" "$@" >>"$output/log" 2>&1 || failed=1
}

# Reports the results in a folder under a title.
report() {
    echo "$1"
    node tests/conformance/report.mjs "$2" "$not_offered" || failed=1
}

required() {
    local title=$1 revision=$2
    conformance "$results/$title $revision" --requirements "$revision"
    report "$title, $revision" "$results/$title $revision"
}

scenarios() {
    local title=$1 revision=$2 scenario
    shift 2
    for scenario; do
        conformance "$results/$title $revision" --spec-version "$revision" --scenario "$scenario"
    done
    report "$title, $revision" "$results/$title $revision"
}

. scripts/tools.sh
npm_folder scripts
cargo build --quiet --locked --example everything --bin mcpist
rm -rf "$results"
mkdir -p "$results"

start everything "$target/debug/examples/everything"
required "Fixture server" 2026-07-28
required "Fixture server" 2025-11-25

# Scenarios that need no tool, prompt or resource of the suite's own.
start product "$target/debug/mcpist" serve --port 0
scenarios "Product" 2026-07-28 tools-list resources-list prompts-list server-sse-multiple-streams dns-rebinding-protection http-header-validation \
    input-required-result-unsupported-methods
scenarios "Product" 2025-11-25 server-initialize server-session-lifecycle ping tools-list resources-list prompts-list server-sse-multiple-streams \
    dns-rebinding-protection
# The definitions of all tools, against the schema of each revision.
url="$url?tools=direct"
scenarios "Product, every tool" 2026-07-28 tools-list
scenarios "Product, every tool" 2025-11-25 tools-list

exit "$failed"
