#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs the packages of Debian 12 that nicsentry needs. Does nothing if all are installed.
#   scripts/install-deps.sh [--tests | --package]
#     --tests: also those that only the tests need, and promtool and prometheus in /usr/local/bin
#     --package: also those that scripts/package.sh needs
set -euo pipefail

packages=(
  build-essential cmake ninja-build pkg-config clang llvm libbpf-dev libxdp-dev libelf-dev zlib1g-dev bpftool iproute2
  ethtool nlohmann-json3-dev libfmt-dev libcli11-dev libtoml11-dev libzstd-dev libmicrohttpd-dev libgnutls28-dev libmnl-dev
  libpcap-dev libcurl4-openssl-dev libncurses-dev libjs-chart.js iperf3 tcpreplay python3 python3-scapy
)
test_packages=(
  catch2 tshark tcpdump python3-jsonschema python3-yaml python3-prometheus-client clang-format clang-tidy shellcheck mandoc man-db black
  flake8 mypy zsh tmux
  debootstrap debhelper lintian
  chromium chromium-driver python3-selenium nodejs
  libasan8 libubsan1 libclang-rt-14-dev iputils-ping nftables xdp-tools wireguard-tools curl ccache lld
)
# hw/vnfp makes its virtual machine from these and from Debian's kernel packages, which it fetches itself.
test_packages+=(qemu-system-x86 busybox-static cpio kmod)

package_packages=(debhelper dpkg-dev lintian git)

case ${1:-} in
  --tests) packages+=("${test_packages[@]}") ;;
  --package) packages+=("${package_packages[@]}") ;;
esac

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
# The package prometheus would start and enable a service: only its two programs are taken out of it.
tools=()
for tool in promtool prometheus; do
  [[ ${1:-} == --tests ]] && ! command -v "$tool" >/dev/null && tools+=("$tool")
done
all=("${missing[@]}" "${tools[@]}")
((${#all[@]} == 0)) && exit 0

((EUID == 0)) || { echo "install-deps: ${all[*]} are missing; installing them needs root" >&2; exit 1; }
echo "install-deps: installing ${all[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
((${#missing[@]} == 0)) || apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
if ((${#tools[@]} > 0)); then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  (cd "$work" && apt-get download -qq -o APT::Sandbox::User=root prometheus && dpkg -x prometheus_*.deb .)
  install -m 755 "$work/usr/bin/promtool" "$work/usr/bin/prometheus" /usr/local/bin/
fi
