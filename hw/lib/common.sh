# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Definitions for all parts of hw/vnfp.

# shellcheck disable=SC2034 # used by files that source this one
VNFP_HW=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VNFP_CACHE=${NICSENTRY_VNFP_CACHE:-/var/cache/nicsentry/vnfp}
# Written by set-up: the paths of the kernel, its modules and the initramfs.
# shellcheck disable=SC2034 # used by files that source this one
VNFP_SETTINGS=$VNFP_CACHE/settings

die() {
	printf 'vnfp: %s\n' "$*" >&2
	exit 125
}

note() {
	printf 'vnfp: %s\n' "$*" >&2
}
