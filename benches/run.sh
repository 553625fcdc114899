#!/usr/bin/env bash
# Measures the static release binary and prints a table; README.md says what each figure means. Needs wrk (Debian: apt-get
# install wrk). Takes some two minutes after the build. Every server listens on a free port of loopback and ends with the script.
#
#   benches/run.sh [BINARY]    another binary than the one of scripts/build-static.sh
#   ROUNDS=5 SECONDS_A_ROUND=4 CONNECTIONS=16    the defaults
set -euo pipefail
cd "$(dirname "$0")/.."

rounds="${ROUNDS:-5}"
seconds="${SECONDS_A_ROUND:-4}"
connections="${CONNECTIONS:-16}"
server="${1:-$(scripts/build-static.sh)}"
target="$(uname -m)-unknown-linux-musl"
cargo build --quiet --release --locked --target "$target" --example bench
bench="${CARGO_TARGET_DIR:-target}/$target/release/examples/bench"
command -v wrk >/dev/null || { echo "run.sh: wrk is missing; on Debian: apt-get install wrk" >&2; exit 1; }

pids=()

# Starts a server; its URL and process id are then in $url and $pid.
start() {
    local greeting line
    # The descriptor stays open, so that the server can go on writing.
    exec {greeting}< <(exec "$@" 2>&1 >/dev/null)
    pid=$!
    pids+=("$pid")
    while read -r line <&"$greeting"; do
        if [[ $line =~ http://[^[:space:]]+ ]]; then
            url="${BASH_REMATCH[0]}"
            return
        fi
        echo "$line" >&2
    done
    echo "run.sh: $1 has not started" >&2
    exit 1
}

median() { sort -n | awk '{ value[NR] = $1 } END { print value[int(NR / 2) + 1] }'; }

cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

# One round of wrk: adds a line "requests/s, p50 µs, p99 µs, µs of CPU a request" to the file named after it.
round() {
    local name="$1" url="$2" pid="$3" method="$4" before requests rate p50 p99 failures
    before="$(cpu_ticks "$pid")"
    read -r _ requests rate p50 p99 failures < <(
        wrk --threads 1 --connections "$connections" --duration "${seconds}s" --latency --script benches/request.lua "$url" -- "$method" | grep '^figures')
    ((failures == 0)) || echo "run.sh: $name: $failures requests failed" >&2
    awk -v ticks="$(($(cpu_ticks "$pid") - before))" -v hertz="$(getconf CLK_TCK)" -v requests="$requests" \
        -v rate="$rate" -v p50="$p50" -v p99="$p99" \
        'BEGIN { printf "%d %d %d %.1f\n", rate, p50, p99, ticks / hertz * 1e6 / requests }' >>"$figures/$name"
}

figures="$(mktemp -d)"
trap 'rm -rf "$figures"; ((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true' EXIT

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
