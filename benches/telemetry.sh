#!/usr/bin/env bash
# Measures the cost of telemetry for tools/list: the same server without an endpoint and with different collectors, one round of each
# in turn, as ratios within a round. Needs wrk; README.md explains the figures.
#
#   benches/telemetry.sh [BINARY] [BEFORE]    a binary other than that of scripts/build-static.sh; one to compare with
#   ROUNDS=5 SECONDS_A_ROUND=4 CONNECTIONS=16    the defaults
set -euo pipefail
cd "$(dirname "$0")/.."

. benches/common.sh

declare -A urls ids
names=()

# Each case has its own server, so that a filled queue does not slow down the next case.
serve() {
    local name="$1"
    shift
    start env "$@" serve --port 0
    names+=("$name") urls[$name]="$url" ids[$name]="$pid"
}

if [[ -n "${2:-}" ]]; then
    serve before "$2"
fi
serve off "$server"
for mood in takes refuses throttles babbles stalls; do
    start "$bench" collector "$mood"
    serve "$mood" OTEL_EXPORTER_OTLP_ENDPOINT="$url" "$server"
done
# Nothing listens on this port.
serve down OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 "$server"

echo "machine: $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg) before the start"
echo "binary: $("$server" --version), $(stat -c %s "$server") bytes"
echo
# The first round is a warm-up.
for ((i = 0; i <= rounds; i++)); do
    for name in "${names[@]}"; do
        round "$name" "${urls[$name]}" "${ids[$name]}" tools/list
    done
    ((i > 0)) || rm "$figures"/*
done

echo "wrk, tools/list, $connections kept connections, medians of $rounds rounds of $seconds s; the ratio is to \`off\` of the same round"
printf '%-9s %12s %10s %10s %16s %14s   %s\n' "" requests/s 'p50 µs' 'p99 µs' 'CPU µs/request' 'resident KiB' 'ratio of each round'
for name in "${names[@]}"; do
    column() { cut -d' ' -f"$1" "$figures/$name"; }
    ratios="$(paste -d' ' "$figures/$name" "$figures/off" | awk '{ printf "%.2f\n", $1 / $5 }')"
    resident="$(awk '/^VmRSS:/ { print $2 }' "/proc/${ids[$name]}/status")"
    printf '%-9s %12s %10s %10s %16s %14s   %s (%s)\n' "$name" "$(column 1 | median)" "$(column 2 | median)" "$(column 3 | median)" \
        "$(column 4 | median)" "$resident" "$(median <<<"$ratios")" "$(paste -sd' ' <<<"$ratios")"
done
