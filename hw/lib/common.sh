# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What every part of hw/vnfp needs.

# shellcheck disable=SC2034 # used by those who source this file
VNFP_HW=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VNFP_CACHE=${NICSENTRY_VNFP_CACHE:-/var/cache/nicsentry/vnfp}
# Written by set-up: where the kernel, its modules and the initramfs are.
# shellcheck disable=SC2034 # used by those who source this file
VNFP_SETTINGS=$VNFP_CACHE/settings

die() {
	printf 'vnfp: %s\n' "$*" >&2
	exit 125
}

note() {
	printf 'vnfp: %s\n' "$*" >&2
}
