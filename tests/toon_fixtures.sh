#!/usr/bin/env bash
# Runs the TOON format's public fixtures against our encoder. They are fetched as an npm package, into target/.
set -euo pipefail
cd "$(dirname "$0")/.."

folder="target/npm/toon"
if [ ! -d "$folder/node_modules/@toon-format/spec" ]; then
    mkdir -p "$folder"
    npm install --prefix "$folder" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error @toon-format/spec@3.3.2
fi
TOON_FIXTURES="$PWD/$folder/node_modules/@toon-format/spec/tests/fixtures" cargo test --locked --test it toon_fixtures
