#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Formatting and static analysis of what is committed; fails at the first kind that finds something.
#   scripts/lint.sh [BUILD]    BUILD: a configured build tree (default: build), for clang-tidy
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${1:-build}

mapfile -t sources < <(find host tests bench bpf_offload -name '*.cpp' -o -name '*.h' -o -name '*.c' | sort)
clang-format --dry-run -Werror "${sources[@]}"

mapfile -t scripts < <(find scripts .ci hw -type f -exec grep -lE '^#!.*(bash|/sh)' {} + | sort)
shellcheck -x -P SCRIPTDIR -S warning "${scripts[@]}"

mandoc -Tlint -W warning docs/nicsentry.8

# Half of the time would be the analyzer's, in cli, controller and output: its paths go through CLI11, httplib and
# nlohmann/json there. Where memory is handled by hand (all other folders), it runs. Clang's own warnings are not asked for: -Wno-error.
tidy() {
  xargs -0 -n 1 -P "$(nproc)" clang-tidy -p "$build" --quiet --extra-arg=-Wno-error \
    --extra-arg=-Wno-unknown-warning-option "$@" 2>/dev/null
}
through_libraries=(-path 'host/cli/*' -o -path 'host/controller/*' -o -path 'host/output/*')
find host -name '*.cpp' '(' "${through_libraries[@]}" ')' -print0 | tidy --checks='-clang-analyzer-*'
find host -name '*.cpp' ! '(' "${through_libraries[@]}" ')' -print0 | tidy
