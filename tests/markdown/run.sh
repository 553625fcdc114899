#!/usr/bin/env bash
# Compares what we read in Markdown with what another parser reads, and takes documents made from Atlassian's schema to Markdown
# and back. The parser, the schema and the texts are other people's packages.
set -euo pipefail
cd "$(dirname "$0")/../.."

. scripts/tools.sh
npm_folder tests/markdown

# One file of a package whose dependencies are a whole editor.
version=57.7.22
checksum=5128562b75278c8a83e7e3619a570205bc80d59696985ec31a7a7883cff66fbe
schema="target/markdown/adf-schema-$version.json"
mkdir -p target/markdown
if [[ ! -f $schema ]]; then
    archive=$(npm pack --silent --pack-destination target/markdown "@atlaskit/adf-schema@$version")
    tar -xzOf "target/markdown/$archive" package/dist/json-schema/v1/full.json >"$schema.part"
    echo "$checksum  $schema.part" | sha256sum --check --quiet
    mv "$schema.part" "$schema"
fi

node tests/markdown/cases.mjs target/markdown "$schema" \
    "${CARGO_HOME:-$HOME/.cargo}/registry/src" target/tools scripts supabase/tests admin tests/markdown
MARKDOWN_CASES="$PWD/target/markdown" cargo test --locked --test it markdown:: -- --nocapture
