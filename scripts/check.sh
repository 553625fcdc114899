#!/usr/bin/env bash
# Sets up the machine, runs all CI checks, and prints the duration of each part; stops at the first failure. `make check` does the same
# if `make` is already installed.
#
#   scripts/check.sh [PART…]    only these parts (the Makefile has them)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

scripts/setup.sh || exit
parts=("$@")
(($# > 0)) || read -ra parts <<<"$(sed -n 's/^PARTS = //p' Makefile)"

took=()
for part in "${parts[@]}"; do
    printf '\n== %s\n' "$part"
    since=$SECONDS
    if ! make --no-print-directory "$part"; then
        printf '\nFAILED: %s. To run it alone: make %s\n' "$part" "$part" >&2
        exit 1
    fi
    took+=("$(printf '%-12s %4d s' "$part" $((SECONDS - since)))")
done
printf '\nAll parts of the check passed:\n'
printf '  %s\n' "${took[@]}"
printf '  %-12s %4d s\n' total "$SECONDS"
