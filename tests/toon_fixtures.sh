#!/usr/bin/env bash
# Runs the TOON format's public fixtures, an npm package, with our encoder.
set -euo pipefail
cd "$(dirname "$0")/.."

. scripts/tools.sh
npm_folder scripts
TOON_FIXTURES="$PWD/scripts/node_modules/@toon-format/spec/tests/fixtures" cargo test --locked --test it toon_fixtures
