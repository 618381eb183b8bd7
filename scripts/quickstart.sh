#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs missing packages on a bare Debian 12, builds, and shows the sessions of live traffic. The traffic runs between
# two network namespaces, which the script makes and removes. Needs root.
#   scripts/quickstart.sh [DIR]    DIR: output directory (default: a new one below /tmp)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
watched=nicsentry-quick-$$      # nicsentry listens here
sender=nicsentry-quick-$$-peer  # the traffic comes from here
work=$(mktemp -d)
started=()

say() { printf '\n== %s\n' "$*"; }

cleanup() {
  local pid
  for pid in "${started[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  ip netns del "$watched" 2>/dev/null || true
  ip netns del "$sender" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

build() {
  cd "$root"
  cmake --preset release -DNICSENTRY_TESTS=OFF >"$work/cmake.log" || { cat "$work/cmake.log" >&2; return 1; }
  cmake --build --preset release
}

# Connects two namespaces with a veth pair. The machine's own network is not changed.
make_namespaces() {
  ip netns add "$watched"
  ip netns add "$sender"
  ip link add name port netns "$watched" type veth peer name port netns "$sender"
  local namespace
  for namespace in "$watched" "$sender"; do
    ip -n "$namespace" link set lo up
    # Without offloading, no packet is longer than a frame.
    ip netns exec "$namespace" ethtool -K port tso off gso off tx off >/dev/null
    ip -n "$namespace" link set port up
  done
  ip -n "$watched" address add 198.51.100.1/24 dev port
  ip -n "$sender" address add 198.51.100.2/24 dev port
  ip -n "$watched" address add 2001:db8:0:1::1/64 dev port nodad
  ip -n "$sender" address add 2001:db8:0:1::2/64 dev port nodad
}

send_traffic() {
  local iperf=(ip netns exec "$sender" iperf3 -p 5201)
  ip netns exec "$watched" iperf3 -s -p 5201 >/dev/null 2>&1 &
  started+=($!)
  sleep 0.5
  ip netns exec "$sender" tcpreplay --quiet --multiplier 20 --maxsleep 200 -i port "$work/capture.pcap" \
    >"$work/tcpreplay.log" 2>&1 || { cat "$work/tcpreplay.log" >&2; return 1; }
  "${iperf[@]}" -c 198.51.100.1 -t 2 -b 50M >/dev/null
  "${iperf[@]}" -c 2001:db8:0:1::1 -t 2 -u -b 5M >/dev/null
}

main() {
  if ((EUID != 0)); then
    echo "quickstart: network namespaces and BPF programs need root" >&2
    exit 1
  fi
  say "packages"
  "$root"/scripts/install-deps.sh
  say "build"
  build
  local out=${1:-$(mktemp -d /tmp/nicsentry-quickstart.XXXXXX)}
  mkdir -p "$out"
  python3 "$root/tests/e2e/make_capture.py" "$work/capture.pcap"
  make_namespaces

  say "nicsentry run -i port --window 3s --windows 4 --format seed-json,jsonl -o $out"
  ip netns exec "$watched" "$root/build/nicsentry" run -i port --window 3s --windows 4 --format seed-json,jsonl \
    -o "$out" &
  local controller=$!
  started+=("$controller")
  sleep 1
  send_traffic
  wait "$controller"

  say "files in $out"
  find "$out" -type f -printf '%10s  %P\n' | sort -k2
  say "done; the namespaces are removed. See also: build/nicsentry --help, README.md"
}

main "$@"
