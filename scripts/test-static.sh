#!/usr/bin/env bash
# Builds the static binary, and shows that it is static and that it runs where there is nothing else: in an empty root, as
# in the scratch image. Exits non-zero on any failure.
set -euo pipefail
cd "$(dirname "$0")/.."

# Built from a copy of what the Dockerfile copies, and nothing else: what it forgets fails here, where there is no Docker.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
while read -r _ paths; do
    read -ra paths <<<"$paths"
    for path in "${paths[@]::${#paths[@]}-1}"; do
        grep -qxF "!$path" .dockerignore || { echo "FAIL the Dockerfile copies $path, which .dockerignore keeps from it: add !$path" >&2; exit 1; }
        mkdir -p "$copy/$(dirname "$path")"
        cp -r "$path" "$copy/$path"
    done
done < <(grep '^COPY [^-]' Dockerfile)
MCPIST_COMMIT="$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)"
export MCPIST_COMMIT CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
binary=$("$copy/scripts/build-static.sh")
size=$(stat -c %s "$binary")
echo "size: $size bytes"
if [ "$size" -gt $((11 * 512 * 1024)) ]; then
    echo "FAIL the binary is larger than 5.5 MiB" >&2
    exit 1
fi
if readelf --program-headers "$binary" | grep -q INTERP; then
    echo "FAIL the binary needs a dynamic loader" >&2
    exit 1
fi
echo "ok   static: no dynamic loader is named"

root=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$copy" "$root"' EXIT
cp "$binary" "$root/mcpist"
# chroot needs privileges: a user namespace gives them where we are not root.
enter=(chroot "$root")
[ "$(id -u)" -eq 0 ] || enter=(unshare --map-root-user chroot "$root")

"${enter[@]}" /mcpist --version
"${enter[@]}" /mcpist serve --port 0 >"$root.log" 2>&1 &
server=$!
port=
for _ in $(seq 100); do
    port=$(grep -oE '127\.0\.0\.1:[0-9]+' "$root.log" | head -1 | cut -d: -f2 || true)
    [ -n "$port" ] && break
    sleep 0.05
done
[ -n "$port" ] || { cat "$root.log" >&2; echo "FAIL the server did not start in the empty root" >&2; exit 1; }
"${enter[@]}" /mcpist health --port "$port"
kill -TERM "$server"
wait "$server"
server=
rm -f "$root.log"
echo "ok   runs in an empty root, answers /health, ends on SIGTERM"
