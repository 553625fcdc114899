#!/usr/bin/env bash
# Tests the control plane with real PostgreSQL, PostgREST, Deno functions and migrations on free ports, and doubles of Auth, the gateway
# and the Vault's cipher (supabase/tests/stack). Needs apt for pgTAP.
#
#   scripts/test-hosted.sh [PART…]    catalogue, releases, database, functions, server; all of them if none is named
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() { sed -n '2,/^set/{/^#/p}' "$0" | cut -c3-; }
for part; do
    case $part in
        -h | --help) usage && exit ;;
        catalogue | releases | database | functions | server) ;;
        *) echo "test-hosted: there is no part \"$part\"" >&2; usage >&2; exit 2 ;;
    esac
done

. scripts/tools.sh
npm_folder supabase/tests
exec node supabase/tests/run.mjs "$@"
