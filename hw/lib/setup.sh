# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# `vnfp setup`: makes the parts of the virtual machine from Debian's packages.
#
# The kernel image and the driver's source are fetched, not installed, because
# the host needs them only in the cache.

# The tests need the last line: they compile small programs.
VNFP_PACKAGES=(
	qemu-system-x86 busybox-static cpio kmod make gcc-12 xz-utils
	iproute2 bpftool ethtool
	clang libbpf-dev libc6-dev
)
# Modules in the initramfs: access to the host's files, communication with the
# host, and the driver's dependencies. All others are loaded from the host's files.
VNFP_MODULES=(virtio_pci virtio_console 9pnet_virtio 9p tls)

# Prints the version of Debian's current kernel image, such as 6.1.0-18-amd64.
kernel_release() {
	# apt-cache fails before the first apt-get update.
	{ apt-cache depends linux-image-amd64 2>/dev/null || true; } |
		sed -n 's/^ *Depends: linux-image-\([0-9].*\)$/\1/p' | head -n 1
}

candidate() {
	apt-cache policy "$1" | sed -n 's/^ *Candidate: //p'
}

# missing_packages RELEASE: prints those that are not installed
missing_packages() {
	local package
	for package in "${VNFP_PACKAGES[@]}" "linux-headers-$1"; do
		dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null |
			grep -q '^install ok installed$' || printf '%s ' "$package"
	done
}

install_packages() {
	local missing
	read -ra missing < <(missing_packages "$1"; echo)
	((${#missing[@]})) || return 0
	note "installing ${missing[*]}"
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends "${missing[@]}" >/dev/null ||
		die "apt-get could not install ${missing[*]}"
}

# fetch_package NAME=VERSION DIRECTORY: unpacks its files below the directory
fetch_package() {
	local download
	download=$(mktemp -d "$VNFP_CACHE/download.XXXXXX")
	(cd "$download" && apt-get download -qq -o APT::Sandbox::User=root "$1") ||
		die "apt-get could not download $1"
	dpkg -x "$download"/*.deb "$2"
	rm -rf "$download"
}

# Unpacks the kernel image and its modules into the cache.
fetch_kernel() {
	local release=$1 version=$2 to=$3 work
	[[ -e $to/done ]] && return
	note "fetching Debian's kernel $release ($version)"
	work=$(mktemp -d "$VNFP_CACHE/kernel.XXXXXX")
	fetch_package "linux-image-$release=$version" "$work"
	[[ -e $work/boot/vmlinuz-$release ]] ||
		die "the package linux-image-$release has no boot/vmlinuz-$release"
	depmod -b "$work" "$release"
	touch "$work/done"
	rm -rf "$to"
	chmod 755 "$work"
	mv "$work" "$to"
}

# Unpacks the kernel from its compressed image as an ELF file, which qemu can
# start, too. When emulated, unpacking takes almost half of a boot. The image's
# header has its position (Documentation/x86/boot.rst); the last four bytes are a size.
unpack_kernel() {
	local image=$1 to=$2 sectors offset length
	[[ -e $to ]] && return
	read -r sectors < <(od -An -tu1 -j 0x1f1 -N 1 "$image")
	read -r offset length < <(od -An -tu4 -j 0x248 -N 8 "$image")
	dd if="$image" bs=1M iflag=skip_bytes,count_bytes status=none \
		skip=$(((sectors + 1) * 512 + offset)) count=$((length - 4)) |
		xz -dc >"$to.new" || die "the kernel in $image could not be unpacked"
	mv "$to.new" "$to"
}

# Fetches the driver's source from Debian's source package.
fetch_driver() {
	local version=$1 to=$2 work
	[[ -e $to/nfp_main.c ]] && return
	note "fetching the driver's source (linux-source-6.1 $version)"
	work=$(mktemp -d "$VNFP_CACHE/source.XXXXXX")
	fetch_package "linux-source-6.1=$version" "$work"
	tar -xJf "$work"/usr/src/linux-source-6.1.tar.xz -C "$work" \
		linux-source-6.1/drivers/net/ethernet/netronome/nfp
	rm -rf "$to"
	mv "$work"/linux-source-6.1/drivers/net/ethernet/netronome/nfp "$to"
	rm -rf "$work"
}

build_module() {
	local release=$1 driver=$2 to=$3 work
	note "building the driver and the virtual card"
	work=$(mktemp -d "$VNFP_CACHE/build.XXXXXX")
	cp "$VNFP_HW"/module/* "$work"
	cp -r "$driver" "$work/nfp"
	make -s -C "/lib/modules/$release/build" M="$work" -j"$(nproc)" modules \
		>"$work/log" 2>&1 || {
		cat "$work/log" >&2
		die "the module does not build in $work against linux-headers-$release"
	}
	strip -g "$work/nfp.ko" -o "$to/nfp.ko"
	rm -rf "$work"
}

build_initramfs() {
	local release=$1 kernel=$2 to=$3 work module path
	local modules=lib/modules/$release
	work=$(mktemp -d "$VNFP_CACHE/initramfs.XXXXXX")
	mkdir -p "$work"/{bin,dev,proc,sys,host,modules}
	cp "$(command -v busybox)" "$work/bin/busybox"
	cp "$VNFP_HW/guest/init" "$work/init"
	cp "$VNFP_HW/guest/start" "$work/start"
	cp "$to/nfp.ko" "$work/nfp.ko"
	# The numbers give the order in which they must be loaded.
	local n=100
	for module in "${VNFP_MODULES[@]}"; do
		while read -r _ path; do
			[[ $path == /* ]] || continue
			compgen -G "$work/modules/*-${path##*/}" >/dev/null && continue
			cp "$path" "$work/modules/$((n++))-${path##*/}"
		done < <(modprobe -d "$kernel" -S "$release" -D "$module" | grep ^insmod)
	done
	[[ -d $kernel/$modules ]] || die "no $modules in $kernel"
	(cd "$work" && find . -print0 | cpio --null -o -H newc --quiet) >"$to/initramfs"
	rm -rf "$work"
}

# Prints a name that changes whenever an input of the build changes.
build_key() {
	{
		printf '%s\n' "$1"
		(cd "$VNFP_HW" && find module guest/init guest/start lib/setup.sh \
			-type f -print0 | sort -z | xargs -0 sha256sum)
	} | sha256sum | cut -c 1-16
}

vnfp_setup() {
	local release version key build kernel driver
	((EUID == 0)) || die "set-up installs packages and needs root"
	mkdir -p "$VNFP_CACHE"
	exec {lock}>"$VNFP_CACHE/lock"
	flock "$lock"

	# Update old lists: they name packages that Debian's servers no longer have.
	release=$(kernel_release)
	if [[ -z $release || -n $(missing_packages "$release") ||
		! -e $VNFP_CACHE/kernel-$(candidate "linux-image-$release")/done ]]; then
		apt-get update -qq || die "apt-get update failed"
	fi
	release=$(kernel_release)
	[[ -n $release ]] || die "apt knows no linux-image-amd64: is this Debian 12?"
	version=$(candidate "linux-image-$release")
	[[ $(candidate linux-source-6.1) == "$version" ]] ||
		die "linux-source-6.1 is $(candidate linux-source-6.1), linux-image-$release is $version: both must have the same version"
	install_packages "$release"

	kernel=$VNFP_CACHE/kernel-$version
	driver=$VNFP_CACHE/driver-$version
	key=$(build_key "$version")
	build=$VNFP_CACHE/build-$key
	fetch_kernel "$release" "$version" "$kernel"
	unpack_kernel "$kernel/boot/vmlinuz-$release" "$kernel/boot/vmlinux-$release"
	fetch_driver "$version" "$driver"
	if [[ ! -e $build/initramfs ]]; then
		rm -rf "$build"
		mkdir -p "$build"
		build_module "$release" "$driver" "$build"
		build_initramfs "$release" "$kernel" "$build"
	fi
	{
		printf 'VNFP_RELEASE=%q\n' "$release"
		printf 'VNFP_KERNEL=%q\n' "$kernel/boot/vmlinux-$release"
		printf 'VNFP_MODULES_DIR=%q\n' "$kernel/lib/modules/$release"
		printf 'VNFP_INITRAMFS=%q\n' "$build/initramfs"
		printf 'VNFP_KEY=%q\n' "$key"
		printf 'VNFP_VERSION=%q\n' "$version"
	} >"$VNFP_SETTINGS.new"
	mv "$VNFP_SETTINGS.new" "$VNFP_SETTINGS"
	# Remove the directories of earlier set-ups.
	find "$VNFP_CACHE" -mindepth 1 -maxdepth 1 -type d \
		! -path "$kernel" ! -path "$driver" ! -path "$build" \
		-exec rm -rf {} +
	exec {lock}>&-
}
