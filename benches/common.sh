# shellcheck shell=bash disable=SC2034
# Shared by the measuring scripts, which source it with their arguments from the repository's root. Builds the server and the bench
# program, and ends every started server with the script.

rounds="${ROUNDS:-5}"
seconds="${SECONDS_A_ROUND:-4}"
connections="${CONNECTIONS:-16}"
server="${1:-$(scripts/build-static.sh)}"
target="$(uname -m)-unknown-linux-musl"
# The path of a bench target's program has a hash in it, which cargo alone knows.
bench="$(cargo build --quiet --release --locked --target "$target" --bench measure --message-format=json |
    sed -n 's/.*"kind":\["bench"\].*"executable":"\([^"]*\)".*/\1/p')"
command -v wrk >/dev/null || { echo "$(basename "$0"): wrk is missing; on Debian: apt-get install wrk" >&2; exit 1; }

pids=()

# Starts a server; sets $url and $pid.
start() {
    local greeting line
    # The descriptor stays open, so that the server can keep writing.
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
    echo "$(basename "$0"): $1 has not started" >&2
    exit 1
}

median() { sort -n | awk '{ value[NR] = $1 } END { print value[int(NR / 2) + 1] }'; }

cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

# One round of wrk: appends a line "requests/s, p50 µs, p99 µs, µs of CPU per request" to the file with its name.
round() {
    local name="$1" url="$2" pid="$3" method="$4" before requests rate p50 p99 failures
    before="$(cpu_ticks "$pid")"
    read -r _ requests rate p50 p99 failures < <(
        wrk --threads 1 --connections "$connections" --duration "${seconds}s" --latency --script benches/request.lua "$url" -- "$method" | grep '^figures')
    ((failures == 0)) || echo "$(basename "$0"): $name: $failures requests failed" >&2
    awk -v ticks="$(($(cpu_ticks "$pid") - before))" -v hertz="$(getconf CLK_TCK)" -v requests="$requests" \
        -v rate="$rate" -v p50="$p50" -v p99="$p99" \
        'BEGIN { printf "%d %d %d %.1f\n", rate, p50, p99, ticks / hertz * 1e6 / requests }' >>"$figures/$name"
}

figures="$(mktemp -d)"
trap 'rm -rf "$figures"; ((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true' EXIT
