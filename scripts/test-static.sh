#!/usr/bin/env bash
# Runs the Dockerfile's build steps without Docker, and checks that the binary is static and runs in an empty root, as in the scratch image.
# Exits non-zero on any failure.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "FAIL $*" >&2; exit 1; }

copy=$(mktemp -d) root=$(mktemp -d) server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$copy" "$root"' EXIT

channel=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
grep -q "^FROM rust:${channel%.*}-alpine" Dockerfile || fail "the Dockerfile's Rust is not the one of rust-toolchain.toml: $channel"

# The environment of the image's build. The toolchain is set because rust-toolchain.toml is not copied.
MCPIST_COMMIT="$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)"
export MCPIST_COMMIT RUSTUP_TOOLCHAIN="$channel" CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"

# One line per instruction.
instructions=$(sed -e ':a' -e '/\\$/{N;s/\\\n *//;ta' -e '}' Dockerfile)
stage=
while read -r instruction rest; do
    case "$instruction" in
        "" | \#*) continue ;;
        FROM) stage=${rest##* } && continue ;;
    esac
    [ "$stage" = build ] || continue
    case "$instruction" in
        # Replaced by the copy.
        WORKDIR) ;;
        ARG)
            # Set already, as with --build-arg, or the default.
            name=${rest%%=*}
            [ "$name" = "$rest" ] || [ -n "${!name:-}" ] || eval "export $rest"
            ;;
        COPY)
            # Only files allowed by .dockerignore can be copied.
            read -ra paths <<<"$rest"
            for path in "${paths[@]::${#paths[@]}-1}"; do
                grep -qxF "!$path" .dockerignore || fail "the Dockerfile copies $path, which .dockerignore excludes: add !$path"
                mkdir -p "$copy/$(dirname "$path")"
                cp -r "$path" "$copy/$path"
            done
            ;;
        RUN)
            # The image's system packages; Debian's here.
            [[ $rest != "apk "* ]] || continue
            echo "RUN $rest"
            (cd "$copy" && sh -euc "${rest// \/mcpist/ $root/mcpist}") </dev/null || fail "a step of the Dockerfile: $rest"
            ;;
        *) fail "test-static does not support the Dockerfile's instruction $instruction" ;;
    esac
done <<<"$instructions"

binary="$root/mcpist"
[ -x "$binary" ] || fail "the build stage creates no /mcpist"
size=$(stat -c %s "$binary")
echo "size: $size bytes"
[ "$size" -le 7500000 ] || fail "the binary is larger than 7,500,000 bytes"
! readelf --program-headers "$binary" | grep -q INTERP || fail "the binary needs a dynamic loader"
echo "ok   static: no dynamic loader"
# chroot needs privileges; without root, a user namespace provides them.
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
[ -n "$port" ] || { cat "$root.log" >&2; fail "the server did not start in the empty root"; }
"${enter[@]}" /mcpist health --port "$port"
kill -TERM "$server"
wait "$server"
server=
rm -f "$root.log"
echo "ok   runs in an empty root, answers /health, ends on SIGTERM"
