#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Formatting and static analysis of what is committed; fails at the first kind that finds something.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

mapfile -t sources < <(find host tests bench bpf_offload -name '*.cpp' -o -name '*.h' -o -name '*.c' | sort)
clang-format --dry-run -Werror "${sources[@]}"

mapfile -t scripts < <(find scripts .ci hw -type f -exec grep -lE '^#!.*(bash|/sh)' {} + | sort)
shellcheck -x -P SCRIPTDIR -S warning "${scripts[@]}"

mandoc -Tlint -W warning docs/nicsentry.8

# Most of the time goes to the libraries' headers, so clang-tidy looks at the files of a folder together, as a build does, in a
# tree of its own. Half of the rest would be the analyzer's, in cli, controller and output: its paths go through CLI11, httplib
# and nlohmann/json there. Where memory is handled by hand (all other folders), it runs. Warnings are the builds' business:
# -Wno-error.
build="build-lint"
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_UNITY_BUILD=ON -DNICSENTRY_TESTS=OFF >/dev/null
tidy() {
  xargs -0 -n 1 -P "$(nproc)" clang-tidy -p "$build" --quiet --extra-arg=-Wno-error \
    --extra-arg=-Wno-unknown-warning-option --header-filter="$PWD/host/" "$@" 2>/dev/null
}
through_libraries=(-path '*/host/cli/*' -o -path '*/host/controller/*' -o -path '*/host/output/*')
find "$build/host" -name 'unity_*.cxx' '(' "${through_libraries[@]}" ')' -print0 |
  tidy --checks='-bugprone-suspicious-include,-clang-analyzer-*'
find "$build/host" -name 'unity_*.cxx' ! '(' "${through_libraries[@]}" ')' -print0 |
  tidy --checks=-bugprone-suspicious-include
