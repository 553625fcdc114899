#!/usr/bin/env bash
# Compares what we read in Markdown with what another parser reads, and takes documents made from Atlassian's schema to Markdown
# and back. The parser, the schema and the texts are other people's, fetched as packages into target/.
set -euo pipefail
cd "$(dirname "$0")/../.."

schema_version=57.7.22
folder="target/npm/markdown"
mkdir -p "$folder"
cp tests/markdown/package.json tests/markdown/package-lock.json tests/markdown/*.mjs "$folder"
npm ci --prefix "$folder" --no-audit --no-fund --ignore-scripts --loglevel=error
# One file of a package whose dependencies are an editor.
schema="$folder/adf-schema-$schema_version.json"
if [ ! -f "$schema" ]; then
    archive="$(npm pack --silent --pack-destination "$folder" "@atlaskit/adf-schema@$schema_version")"
    tar -xzOf "$folder/$archive" package/dist/json-schema/v1/full.json >"$schema.part"
    mv "$schema.part" "$schema"
fi
node "$folder/cases.mjs" "$folder/cases" "$schema" \
    "${CARGO_HOME:-$HOME/.cargo}/registry/src" target/npm admin/node_modules "$(npm root --global)"
MARKDOWN_CASES="$PWD/$folder/cases" cargo test --locked --test it markdown:: -- --nocapture
