#!/bin/sh
# Builds the static binary for this machine's architecture and prints its path. The Dockerfile also runs this script, so that the image and
# a build without Docker are the same.
set -eu
cd "$(dirname "$0")/.."

target="$(uname -m)-unknown-linux-musl"
# The image has a musl toolchain; elsewhere musl's standard library and a C compiler are needed (ring contains C).
if command -v rustup >/dev/null 2>&1; then
    rustup target add "$target" >&2
fi
if ! command -v musl-gcc >/dev/null 2>&1 && [ ! -e /lib/ld-musl-"$(uname -m)".so.1 ]; then
    echo "build-static: musl-gcc is missing; on Debian: apt-get install musl-tools" >&2
    exit 1
fi
MCPIST_COMMIT="${MCPIST_COMMIT:-$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)}"
export MCPIST_COMMIT
cargo build --release --locked --target "$target" >&2
echo "${CARGO_TARGET_DIR:-target}/$target/release/mcpist"
