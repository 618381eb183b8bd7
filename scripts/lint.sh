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

find host -name '*.cpp' -print0 |
  xargs -0 -n 4 -P "$(nproc)" clang-tidy -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option 2>/dev/null
