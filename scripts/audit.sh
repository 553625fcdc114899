#!/usr/bin/env bash
# Asks the live databases for known vulnerabilities of crates, npm packages and the workflows' actions (those need GH_TOKEN).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/tools.sh
tools

failed=0
cargo deny --locked check advisories || failed=1
for folder in "${npm_folders[@]}"; do
    echo "npm audit: $folder"
    (cd "$folder" && npm audit --package-lock-only --audit-level=high) || failed=1
done
if [[ -n ${GH_TOKEN:-} ]]; then
    zizmor .github || failed=1
else
    echo "The actions were not looked up: GH_TOKEN is not set." >&2
fi
exit "$failed"
