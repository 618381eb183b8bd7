#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The live, firewall, dispatcher, raw_ip and vlans cases on Debian's own kernel, in the virtual machine (hw/README.md), whatever the
# host's kernel is. The card of that machine has no part in them.
#   tests/hw/test-kernel.sh [SUITE ...]       SUITE of tests/e2e, such as firewall; those named above by default
# NICSENTRY: the binary (default build/nicsentry).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export NICSENTRY=${NICSENTRY:-$root/build/nicsentry}
# Seconds that the tests wait for what ends by itself: the machine may be emulated.
export NICSENTRY_PATIENCE=900
# Beyond that an emulated machine samples: it cannot read all events.
export NICSENTRY_PPS=300

suites=("$@")
(($#)) || suites=(live firewall dispatcher raw_ip vlans)

# In the machine: every case but those that are said to need the host's speed.
cases_of() {
  /usr/bin/python3 -B "$root/tests/e2e/test_$1.py" --list | cut -f 2 | case $1 in
    live) grep -E '^(mode (drv|skb|tc|tc egress)|both directions)$' ;;
    *) cat ;;
  esac
}

failed=0
for suite in "${suites[@]}"; do
  mapfile -t cases < <(cases_of "$suite")
  ((${#cases[@]})) || { echo "test-kernel: $suite has no cases" >&2; exit 1; }
  "$root/hw/vnfp" run --cpus 2 --memory 2048 --timeout 3600 -- \
    bash -c 'uname -r; exec /usr/bin/python3 -B "$@"' suite "$root/tests/e2e/test_$suite.py" "${cases[@]}" || failed=1
done
exit "$failed"
