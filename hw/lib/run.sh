# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# `vnfp run`, `vnfp shell`, `vnfp count`: run one command in one virtual machine.

# Parses the options (see usage in hw/vnfp). The remaining arguments are in ARGS.
parse_options() {
	FIRMWARE=agilio-bpf PORTS=2 DELAY_NS=0 TIMEOUT=300 CPUS=1 MEMORY=1024
	STATS=0 KERNEL_LOG=0 CACHE_MODE=loose
	while (($#)); do
		case $1 in
		--firmware | --ports | --message-delay | --timeout | --cpus | --memory)
			(($# > 1)) || die "$1 needs a value"
			;;&
		--firmware) FIRMWARE=$2 ;;
		--ports) PORTS=$2 ;;
		--message-delay) DELAY_NS=$(nanoseconds "$2") ;;
		--timeout) TIMEOUT=$2 ;;
		--cpus) CPUS=$2 ;;
		--memory) MEMORY=$2 ;;
		--stats) STATS=1 ;;
		--kernel-log) KERNEL_LOG=1 ;;
		--)
			shift
			break
			;;
		-*) die "unknown option $1" ;;
		*) break ;;
		esac
		case $1 in
		--stats | --kernel-log) shift ;;
		*) shift 2 ;;
		esac
	done
	ARGS=("$@")

	[[ $FIRMWARE == */* ]] || FIRMWARE=$VNFP_HW/firmware/$FIRMWARE.conf
	[[ -r $FIRMWARE ]] || die "no firmware file $FIRMWARE; existing files: $(
		cd "$VNFP_HW/firmware" && echo *.conf)"
	[[ $PORTS =~ ^[1-6]$ ]] || die "--ports $PORTS: a card has 1 to 6"
	[[ $TIMEOUT =~ ^[0-9]+$ ]] || die "--timeout $TIMEOUT: not a number of seconds"
}

# nanoseconds TIME: 20us, 500ns, 1ms, 0
nanoseconds() {
	[[ $1 =~ ^([0-9]+)(ns|us|ms)?$ ]] || die "--message-delay $1: write it as 20us"
	case ${BASH_REMATCH[2]-} in
	us) echo "$((BASH_REMATCH[1] * 1000))" ;;
	ms) echo "$((BASH_REMATCH[1] * 1000000))" ;;
	*) echo "${BASH_REMATCH[1]}" ;;
	esac
}

settings_are_current() (
	# shellcheck disable=SC1090 # made by set-up
	. "$VNFP_SETTINGS"
	[[ $(build_key "$VNFP_VERSION") == "$VNFP_KEY" ]]
)

load_settings() {
	# Sets up again if our sources changed; cheap if they have not.
	if [[ ! -e $VNFP_SETTINGS ]] ||
		! settings_are_current; then
		vnfp_setup
	fi
	# shellcheck disable=SC1090 # made by set-up
	. "$VNFP_SETTINGS"
}

# Sets ACCELERATOR to kvm if the machine boots under it, else to tcg. A /dev/kvm that
# opens is not sufficient: a KVM without the processor's own virtualisation may hang
# during the kernel's start. So the first run after each boot of the host tries it, and
# keeps the result in the cache. NICSENTRY_VNFP_ACCEL=kvm or tcg decides without a trial.
choose_accelerator() {
	local key tried answer kept=$VNFP_CACHE/accelerator
	ACCELERATOR=${NICSENTRY_VNFP_ACCEL-}
	[[ -z $ACCELERATOR ]] || return 0
	ACCELERATOR=tcg
	[[ -r /dev/kvm && -w /dev/kvm ]] || return 0
	key="$(</proc/sys/kernel/random/boot_id) $VNFP_VERSION"
	if [[ ! -e $kept || $(head -n 1 "$kept") != "$key" ]]; then
		[[ -w $VNFP_CACHE ]] || return 0
		exec {tried}>"$VNFP_CACHE/lock-accelerator"
		flock "$tried"
		# Another process may have tried meanwhile.
		if [[ ! -e $kept || $(head -n 1 "$kept") != "$key" ]]; then
			answer=tcg
			NICSENTRY_VNFP_ACCEL=kvm "$VNFP_HW/vnfp" run --timeout "$KVM_TRIAL_S" -- true \
				2>/dev/null {tried}>&- && answer=kvm
			[[ $answer == kvm ]] ||
				note "/dev/kvm does not boot the machine within $KVM_TRIAL_S s; it is emulated"
			printf '%s\n' "$key" "$answer" >"$kept.new"
			mv "$kept.new" "$kept"
		fi
		exec {tried}>&-
	fi
	ACCELERATOR=$(tail -n 1 "$kept")
}
KVM_TRIAL_S=20

# Writes the second part of the initramfs, which differs from run to run.
write_run_files() {
	local to=$1 shell=$2
	mkdir -p "$to/firmware/netronome"
	cp "$FIRMWARE" "$to/firmware/netronome/nic_AMDA0096-0001_${PORTS}x10.nffw"
	{
		printf 'VNFP_RELEASE=%q\n' "$VNFP_RELEASE"
		printf 'VNFP_MODULES_DIR=%q\n' "$VNFP_MODULES_DIR"
		printf 'VNFP_HW=%q\n' "$VNFP_HW"
		printf 'VNFP_PORTS=%q\n' "$PORTS"
		printf 'VNFP_MESSAGE_DELAY_NS=%q\n' "$DELAY_NS"
		printf 'VNFP_STATS=%q\n' "$STATS"
		printf 'VNFP_SHELL=%q\n' "$shell"
		printf 'VNFP_9P_CACHE=%q\n' "$CACHE_MODE"
	} >"$to/options"
	{
		declare -px | grep -v '^declare -[a-z]*r'
		# 9p is slow and has no sockets.
		echo 'export TMPDIR=/run/tmp'
		printf 'cd %q || exit 125\n' "$PWD"
		((shell)) || printf 'exec'
		printf ' %q' "${ARGS[@]}"
		printf '\n'
	} >"$to/command"
}

# Sets QEMU to the command line of the virtual machine.
qemu_command() {
	local work=$1 security=passthrough cpu=qemu64
	choose_accelerator
	[[ $ACCELERATOR != kvm ]] || cpu=host
	((EUID == 0)) || security=none
	# shellcheck disable=SC2054 # the commas are qemu's
	QEMU=(
		qemu-system-x86_64 -nodefaults -no-user-config -no-reboot
		-machine "q35,accel=$ACCELERATOR,usb=off" -cpu "${VNFP_CPU:-$cpu}" -smp "$CPUS"
		-m "$MEMORY" -display none
		-kernel "$VNFP_KERNEL" -initrd "$work/initramfs"
		-fsdev "local,id=host,path=/,security_model=$security,multidevs=remap"
		-device virtio-9p-pci,fsdev=host,mount_tag=host
		-device pci-testdev
		-device virtio-serial-pci
	)
}

# Passes on what the machine writes, until it ends. If the reader of the output is
# gone, the machine would wait for ever. So it is ended, like a command that writes
# to a closed pipe.
pass_on() {
	cat "$1" && return
	touch "${1%/*}/unread"
	kill "$MACHINE" 2>/dev/null
}

run_machine() {
	local work=$1 rc=0 name
	for name in stdout stderr; do
		mkfifo "$work/$name"
		QEMU+=(-chardev "file,id=$name,path=$work/$name")
		QEMU+=(-device "virtserialport,chardev=$name,name=vnfp.$name")
	done
	for name in status stats; do
		QEMU+=(-chardev "file,id=$name,path=$work/$name")
		QEMU+=(-device "virtserialport,chardev=$name,name=vnfp.$name")
	done
	QEMU+=(-serial "file:$work/kernel.log")
	QEMU+=(-append "console=ttyS0 $VNFP_APPEND")

	timeout --kill-after=5 "$TIMEOUT" "${QEMU[@]}" </dev/null 2>"$work/qemu.log" &
	MACHINE=$!
	pass_on "$work/stdout" &
	local out=$!
	pass_on "$work/stderr" >&2 &
	local err=$!
	wait "$MACHINE" || rc=$?
	MACHINE=
	# If the machine never opened the pipes, their readers still wait for a writer.
	exec {fd}<>"$work/stdout" && exec {fd}>&-
	exec {fd}<>"$work/stderr" && exec {fd}>&-
	wait "$out" "$err" || true

	((KERNEL_LOG)) && cat "$work/kernel.log" >&2
	((STATS)) && cat "$work/stats" >&2
	[[ ! -e $work/unread ]] || return 141 # like a command that SIGPIPE ended
	if ((rc == 124)); then
		note "'${ARGS[*]}' did not end within $TIMEOUT s and was killed; the end of the kernel's log:"
		tail -n 15 "$work/kernel.log" >&2
		return 124
	fi
	if [[ ! -s $work/status ]]; then
		note "the virtual machine ended before '${ARGS[*]}' did (qemu: $rc); the end of the kernel's log:"
		cat "$work/qemu.log" >&2
		grep -E 'Kernel panic|BUG:|Oops|RIP: 0010' "$work/kernel.log" >&2 || true
		tail -n 10 "$work/kernel.log" >&2
		return 125
	fi
	return "$(<"$work/status")"
}

VNFP_APPEND="rdinit=/init panic=-1 loglevel=5 mitigations=off nokaslr
tsc=reliable no_timer_check random.trust_cpu=on net.ifnames=0 oops=panic"
VNFP_APPEND=${VNFP_APPEND//$'\n'/ }

MACHINE=
WORK=
clean_up() {
	[[ -z $MACHINE ]] || kill "$MACHINE" 2>/dev/null || true
	[[ -z $WORK ]] || rm -rf "$WORK"
}

prepare() {
	load_settings
	WORK=$(mktemp -d "${TMPDIR:-/tmp}/vnfp.XXXXXX")
	trap clean_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	write_run_files "$WORK/run" "$1"
	cp "$VNFP_INITRAMFS" "$WORK/initramfs"
	(cd "$WORK/run" && find . -mindepth 1 -print0 |
		cpio --null -o -H newc --quiet) >>"$WORK/initramfs"
	qemu_command "$WORK"
}

vnfp_run() {
	local status=0
	parse_options "$@"
	((${#ARGS[@]})) || die "run: no command"
	prepare 0
	run_machine "$WORK" || status=$?
	exit "$status"
}

vnfp_shell() {
	parse_options "$@"
	ARGS=(/bin/bash -i)
	prepare 1
	"${QEMU[@]}" -serial mon:stdio -append "console=ttyS0 $VNFP_APPEND quiet loglevel=1"
}

vnfp_count() {
	local status=0
	parse_options "$@"
	((${#ARGS[@]})) || die "count: no objects"
	ARGS=("$VNFP_HW/guest/count" "${ARGS[@]}")
	prepare 0
	run_machine "$WORK" || status=$?
	exit "$status"
}
