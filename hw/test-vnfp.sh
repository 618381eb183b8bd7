#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tests the virtual card in two halves. `programs`: the driver accepts and refuses
# the programs of verifier_tests/nfp/, with the messages given there. `card`: the
# card behaves like a real one as far as README.md claims.
#
#   test-vnfp.sh [programs|card]
#
# The first lines of a program give the expected result:
#   // accepted
#   // refused: WORDS      one line of the driver's message, exactly
#   // firmware: NAME      a file of hw/firmware/, if not agilio-bpf
#   // mtu: N              the port's MTU, if not 1500

set -euo pipefail

HW=$(cd "$(dirname "$0")" && pwd)
PROGRAMS=$HW/../verifier_tests/nfp
CFLAGS=(-O2 -g -Wall -target bpf -mcpu=v3 -I/usr/include/x86_64-linux-gnu)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

pass() {
	passed=$((passed + 1))
	printf 'ok      %s\n' "$1"
}

fail() {
	failed=$((failed + 1))
	printf 'FAILED  %s\n' "$1"
	shift
	(($# == 0)) || printf '        %s\n' "$@"
}

# setting FILE NAME: prints a value from the program's first lines
setting() {
	sed -n "/^[^/]/q; s|^// $2: ||p" "$1"
}

# Prints the messages without the prefixes of the driver and its functions.
words() {
	sed -E 's/^\[nfp\] //; s/^NFP net bpf: //; s/^nfp [0-9a-f:.]+: //
		s/^Error: nfp: (.*)\.$/\1/' "$1"
}

check_program() {
	local source=$1 said=$2 name expected verdict
	name=${source#"$PROGRAMS"/}
	verdict=$(sed -n 's/^--- //p' "$said")
	expected=$(setting "$source" refused)
	if [[ -z $expected && $verdict == accepted* ]]; then
		pass "$name: $verdict instructions"
	elif [[ -n $expected && $verdict == refused ]] &&
		words "$said" | grep -qFx -- "$expected"; then
		pass "$name: $expected"
	else
		fail "$name" "expected: ${expected:-accepted}" "seen: ${verdict:-nothing}" \
			"$(words "$said" | grep -vE '^(libbpf: (elf|map|sec|prog|looking|coll|lic|load)|[0-9]+: |; |---|$)' | tail -n 4)"
	fi
}

# Checks all programs in one virtual machine.
check_programs() {
	local firmware source object mtu
	local -a sources=() arguments=()
	for firmware in agilio-bpf $(cat "$PROGRAMS"/*/*.c | sed -n 's|^// firmware: ||p' | sort -u); do
		arguments+=("--firmware=$firmware")
		for source in "$PROGRAMS"/*/*.c; do
			[[ $(setting "$source" firmware) == "${firmware#agilio-bpf}" ]] || continue
			object=$work/$(basename "$source" .c).o
			clang "${CFLAGS[@]}" -c "$source" -o "$object"
			mtu=$(setting "$source" mtu)
			sources+=("$source")
			arguments+=("$object${mtu:+@$mtu}")
		done
	done
	"$HW/vnfp" run -- "$HW/guest/verdicts" "${arguments[@]}" \
		>"$work/said" 2>"$work/errors" || cat "$work/errors"
	for source in "${sources[@]}"; do
		object=$work/$(basename "$source" .c).o
		awk -v object="$object" '/^=== / { here = $2 == object } here' \
			"$work/said" >"$work/one"
		check_program "$source" "$work/one"
	done
}

# check_run NAME STATUS OUTPUT OPTIONS... -- COMMAND...
check_run() {
	local name=$1 status=$2 output=$3 seen rc=0
	shift 3
	seen=$("$HW/vnfp" run "$@" 2>"$work/errors") || rc=$?
	if ((rc == status)) && [[ $seen == "$output" ]]; then
		pass "$name"
	else
		fail "$name" "expected: $output, status $status" "seen: $seen, status $rc" \
			"$(tail -n 5 "$work/errors")"
	fi
}

# Runs a script in the virtual machine, which prints "ok NAME" and "FAILED NAME: WHY".
check_script() {
	local line rc=0 before=$passed
	"$HW/vnfp" run -- "$@" >"$work/said" 2>"$work/errors" || rc=$?
	while read -r line; do
		case $line in
		"ok "*) pass "${line#ok }" ;;
		*) fail "${line#FAILED }" ;;
		esac
	done <"$work/said"
	((rc == 0)) || fail "$*" "status $rc" "$(tail -n 10 "$work/errors")"
	((passed > before)) || fail "$*" "expected: a check that passes" "seen: none"
}

check_card() {
	clang "${CFLAGS[@]}" -c "$HW/guest/counter.bpf.c" -o "$work/counter.o"
	check_script "$HW/guest/self-test" "$work/counter.o" \
		agilio-bpf test-no-live-reload test-empty-arrays test-multi-entry test-data-events nic

	check_run "a command's status and output are passed on, its errors go elsewhere, and --ports sets the number of ports" \
		3 "$PWD"$'\n'"nfp0 nfp1 nfp2 nfp3" --ports 4 -- \
		bash -c 'pwd; echo err >&2; cd /sys/class/net; echo nfp*; exit 3'
	check_run "the time limit ends a hanging command" 124 "" --timeout 10 -- sleep 1000
	check_run "a kernel that panics is reported" 125 "" -- bash -c 'echo c >/proc/sysrq-trigger'

	local rc=0
	"$HW/vnfp" run --timeout 60 -- yes 2>"$work/errors" | head -n 1 >/dev/null || rc=$?
	if ((rc == 141)); then
		pass "it ends when the reader of its output is gone"
	else
		fail "it ends when the reader of its output is gone" "status $rc" "$(tail -n 5 "$work/errors")"
	fi
}

"$HW/vnfp" setup
halves=("$@")
(($#)) || halves=(programs card)
for half in "${halves[@]}"; do
	"check_$half"
done

printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0 && passed > 0))
