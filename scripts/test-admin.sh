#!/usr/bin/env bash
# Tests the management UI: the catalogue must match the server, the build must have no warnings, and a real browser uses it on the real
# stack (as in scripts/test-hosted.sh) with the real mcpist. Needs Chromium (Debian's `chromium`, or CHROMIUM=<path>).
#
#   scripts/test-admin.sh [NAME…]        only the files of admin/tests whose names contain one of these
#   scripts/test-admin.sh screenshots [NAME…]    screenshots of every page instead, or of the named ones
#   MCPIST=<path>                        uses this binary instead of building the server
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() { sed -n '2,/^set/{/^#/p}' "$0" | cut -c3-; }
for name; do
    case $name in
        -h | --help) usage && exit ;;
        screenshots) ;;
        *) compgen -G "admin/tests/*$name*.test.mjs" >/dev/null || { echo "test-admin: there is no admin/tests/*$name*.test.mjs" >&2; usage >&2; exit 2; } ;;
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
# With CI set, Next warns about a missing cache, which a first build does not have.
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
