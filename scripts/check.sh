#!/usr/bin/env bash
# Runs parts of `make check` one after the other and prints how long each took; the first failure ends it.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

took=()
for part; do
    printf '\n== %s\n' "$part"
    since=$SECONDS
    if ! "${MAKE:-make}" --no-print-directory "$part"; then
        printf '\nFAILED: %s. To run it alone: make %s\n' "$part" "$part" >&2
        exit 1
    fi
    took+=("$(printf '%-12s %4d s' "$part" $((SECONDS - since)))")
done
printf '\nAll parts of the check passed:\n'
printf '  %s\n' "${took[@]}"
printf '  %-12s %4d s\n' total "$SECONDS"
