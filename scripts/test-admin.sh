#!/usr/bin/env bash
# Tests the management UI: the catalogue is the server's, the build has no warnings, and a real browser goes through it over the
# real stack (scripts/test-hosted.sh has the same) with the real mcpist. Arguments choose files of admin/tests;
# `screenshots` makes pictures of every page instead, or of those named after it. Needs npm and
# Chromium (Debian's `chromium`, or CHROMIUM=<path>); MCPIST=<path> saves the build of the server.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# npm leaves that file behind when it is done. There is no lock file, as in scripts/test-hosted.sh: it has to name the binaries of
# every platform, a registry may have those of some alone (of @next/swc and @tailwindcss/oxide, those of Linux), and a lock file that
# lacks some leaves the others' machines without.
install() {
  if [[ ! $1/node_modules/.package-lock.json -nt $1/package.json ]]; then
    (cd "$1" && npm install --no-package-lock --no-audit --no-fund --loglevel=error)
  fi
}
install supabase/tests
install admin

if [[ -z ${MCPIST:-} ]]; then
  cargo build --locked --quiet
  MCPIST="${CARGO_TARGET_DIR:-$PWD/target}/debug/mcpist"
fi
# The packages' own Node.
export MCPIST PATH="$PWD/supabase/tests/node_modules/.bin:$PATH" NEXT_TELEMETRY_DISABLED=1

node admin/scripts/catalogue.mjs "$MCPIST" --check
cd admin
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Where CI is set, Next warns of a cache that is not there; a first build has none.
mkdir -p .next/cache
node node_modules/next/dist/bin/next build 2>&1 | tee "$log"
if grep -qE '⚠|[Ww]arning' "$log"; then
  echo "The build has warnings." >&2
  exit 1
fi
if [[ ${1:-} == screenshots ]]; then
  node tests/screenshots.mjs "${@:2}"
else
  node tests/run.mjs "$@"
fi
