#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# From a bare Debian 12 as root: installs what is missing, builds (release, and ASan with UBSan), looks
# at the sources (lint.sh), and runs every test.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

((EUID == 0)) || { echo "test: real XDP, namespaces and perf events need root" >&2; exit 1; }
step() { echo "== $1 (after $((SECONDS / 60)) min $((SECONDS % 60)) s)"; }

scripts/install-deps.sh --tests
# The virtual machine's parts are downloads for the most part: beside the builds.
hw/vnfp setup &
machine=$!
mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf

step "release build"
cmake --preset release -DNICSENTRY_TESTS=ON >/dev/null
cmake --build --preset release
step "formatting and static analysis"
scripts/lint.sh
step "ASan and UBSan build"
cmake --preset asan -DNICSENTRY_TESTS=ON >/dev/null
cmake --build --preset asan

step "virtual machine for the tests"
wait "$machine"

step "tests, ASan and UBSan"
ctest --preset asan --no-tests=error
step "tests, release"
ctest --preset release --no-tests=error
step "all passed"
