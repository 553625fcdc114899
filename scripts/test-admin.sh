#!/usr/bin/env bash
# Tests the management UI: the catalogue is the server's, the build has no warnings, and a real browser goes through it over the
# real stack (scripts/test-hosted.sh has the same) with the real mcpist. Needs Chromium (Debian's `chromium`, or CHROMIUM=<path>).
#
#   scripts/test-admin.sh [NAME…]        only the files of admin/tests with one of these names in theirs
#   scripts/test-admin.sh screenshots [NAME…]    pictures of every page instead, or of those named after it
#   MCPIST=<path>                        saves the build of the server
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() { sed -n '2,/^set/{/^#/p}' "$0" | cut -c3-; }
for name; do
    case $name in
        -h | --help) usage && exit ;;
        screenshots) ;;
        *) compgen -G "admin/tests/*$name*.test.mjs" >/dev/null || { echo "test-admin: admin/tests has no *$name*.test.mjs" >&2; usage >&2; exit 2; } ;;
    esac
done

. scripts/tools.sh
npm_folder supabase/tests
npm_folder admin

if [[ -z ${MCPIST:-} ]]; then
    cargo build --locked --quiet
    MCPIST="${CARGO_TARGET_DIR:-$PWD/target}/debug/mcpist"
fi
export MCPIST NEXT_TELEMETRY_DISABLED=1

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
