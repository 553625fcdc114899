#!/usr/bin/env bash
# Tests the control plane: real PostgreSQL, PostgREST, Deno functions and migrations on free ports of this machine, with doubles of
# Auth, the gateway and the Vault's cipher (supabase/tests/stack). Arguments choose parts. Needs npm, and apt for pgTAP.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../supabase/tests"

# npm leaves that file behind when it is done. The versions are in package.json; there is no lock file, because it would name
# the binaries of every platform, and a registry may have those of some alone.
if [[ ! node_modules/.package-lock.json -nt package.json ]]; then
  npm install --no-package-lock --no-audit --no-fund --loglevel=error
fi
exec node_modules/.bin/node run.mjs "$@"
