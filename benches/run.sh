#!/usr/bin/env bash
# Measures the static release binary and prints a table; README.md explains the figures. Needs wrk (Debian: apt-get install wrk).
# Takes about two minutes after the build. Every server listens on a free loopback port and ends with the script.
#
#   benches/run.sh [BINARY]    a binary other than that of scripts/build-static.sh
#   ROUNDS=5 SECONDS_A_ROUND=4 CONNECTIONS=16    the defaults
set -euo pipefail
cd "$(dirname "$0")/.."

. benches/common.sh

start "$bench" upstream benches/repository.json
upstream="$url"
start env GITHUB_API_URL="$upstream" MCPIST_MAX_CONNECTIONS=1200 "$server" serve --port 0
mcp="$url" mcp_pid="$pid"
start "$bench" baseline "$mcp"
baseline="$url" baseline_pid="$pid"

echo "machine: $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg) before the start"
echo "binary: $("$server" --version), $(stat -c %s "$server") bytes"
echo
"$bench" start "$server"
echo

for ((i = 1; i <= rounds; i++)); do
    round tools_list "$mcp" "$mcp_pid" tools/list
    round baseline "$baseline" "$baseline_pid" tools/list
    round call "$mcp" "$mcp_pid" tools/call
done
echo "wrk, $connections kept connections, medians of $rounds rounds of $seconds s"
printf '%-12s %12s %10s %10s %16s   %s\n' "" requests/s 'p50 µs' 'p99 µs' 'CPU µs/request' 'requests/s of each round'
for name in tools_list baseline call; do
    column() { cut -d' ' -f"$1" "$figures/$name"; }
    printf '%-12s %12s %10s %10s %16s   %s\n' "$name" "$(column 1 | median)" "$(column 2 | median)" "$(column 3 | median)" \
        "$(column 4 | median)" "$(column 1 | paste -sd' ')"
done
ratios="$(paste -d' ' "$figures/tools_list" "$figures/baseline" | awk '{ printf "%.2f\n", $1 / $5 }')"
echo "tools_list / baseline: $(median <<<"$ratios"), of each round $(paste -sd' ' <<<"$ratios")"
echo
"$bench" overhead "$mcp" "$upstream"
echo
"$bench" streams "$mcp" "$mcp_pid"
