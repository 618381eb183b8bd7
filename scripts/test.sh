#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# From a bare Debian 12 as root: installs what is missing, builds (release, and ASan with UBSan), looks
# at the sources (lint.sh), and runs every test.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

((EUID == 0)) || { echo "test: real XDP, namespaces and perf events need root" >&2; exit 1; }
scripts/install-deps.sh --tests
mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf

echo "== release build"
cmake --preset release -DNICSENTRY_TESTS=ON >/dev/null
cmake --build --preset release
echo "== formatting and static analysis"
scripts/lint.sh build
echo "== ASan and UBSan build"
cmake --preset asan -DNICSENTRY_TESTS=ON >/dev/null
cmake --build --preset asan

echo "== tests, ASan and UBSan (live traffic is left to the release build)"
ctest --preset asan --no-tests=error -LE live
echo "== tests, release"
ctest --preset release --no-tests=error
