#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Formatting and static analysis of what is committed; fails at the first kind that finds something.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

mapfile -t sources < <(find host tests bench bpf_offload -name '*.cpp' -o -name '*.h' -o -name '*.c' | sort)
clang-format --dry-run -Werror "${sources[@]}"

mapfile -t scripts < <(find scripts .ci hw bench -type f -exec grep -lE '^#!.*(bash|/sh)' {} + | sort)
shellcheck -x -P SCRIPTDIR -S warning "${scripts[@]}"

mandoc -Tlint -W warning docs/nicsentry.8

# Most of the time goes to the libraries' headers, so clang-tidy looks at the files of a folder together, as a build does. Only
# the analyzer must have them one by one: it follows the paths of the file that it is given. It does not run in cli, controller
# and output, where its paths go through CLI11, httplib and nlohmann/json, but wherever memory is handled by hand (all other
# folders). Warnings are the builds' business: -Wno-error.
configure() {
  cmake -S . -B "$1" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_UNITY_BUILD="$2" -DNICSENTRY_TESTS=OFF >/dev/null
}
tidy() {
  local build=$1
  shift
  xargs -0 -n 1 -P "$(nproc)" clang-tidy -p "$build" --quiet --extra-arg=-Wno-error \
    --extra-arg=-Wno-unknown-warning-option --header-filter="$PWD/host/" "$@" 2>/dev/null
}
configure build-lint ON
find build-lint/host -name 'unity_*.cxx' -print0 |
  tidy build-lint --checks='-bugprone-suspicious-include,-clang-analyzer-*'
configure build-analyze OFF
find host -name '*.cpp' ! -path 'host/cli/*' ! -path 'host/controller/*' ! -path 'host/output/*' -print0 |
  tidy build-analyze --checks='-*,clang-analyzer-*'
