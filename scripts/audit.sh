#!/usr/bin/env bash
# Queries the online databases for known vulnerabilities of crates, npm packages and the workflows' actions (which need GH_TOKEN).
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
    echo "Skipped the actions: GH_TOKEN is not set." >&2
fi
exit "$failed"
