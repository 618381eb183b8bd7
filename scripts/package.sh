#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Builds the Debian package: build-package/nicsentry_VERSION_amd64.deb. On Debian 12; as root it installs what is missing.
#   scripts/package.sh            what is committed, from the start, in build-package/source; then lintian
#   scripts/package.sh --quick    the work tree as it is, in the same place: only what has changed since is compiled, and
#                                 there is no package of debugging symbols
# The work tree gets no other file. The tests do not run.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/common.sh
. scripts/common.sh

usage() {
  echo "usage: scripts/package.sh [--quick]" >&2
  exit 2
}

quick=0
case ${1-} in
  '') ;;
  --quick) quick=1 ;;
  *) usage ;;
esac
(($# <= 1)) || usage

root=$PWD
out=$root/build-package
source=$out/source

fail() {
  echo "package: $*" >&2
  exit 1
}

cmake_version() {
  sed -n 's/^project(nicsentry VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt
}

# The files of the commit, or those of the work tree that git knows or would add. Times stay, so that a second build
# compiles only what has changed.
unpack() {
  if ((quick)); then
    mkdir -p "$source"
    git ls-files -z -co --exclude-standard | while IFS= read -r -d '' name; do
      [[ ! -e $name ]] || printf '%s\0' "$name"
    done | tar -c --null -T - | tar -x -C "$source"
  else
    rm -rf "$source"
    mkdir -p "$source"
    git archive HEAD | tar -x -C "$source"
  fi
}

# The commit that `nicsentry --version` names: the copy is no repository.
note_commit() {
  local commit
  commit=$(git rev-parse --short=12 HEAD)
  ((!quick)) || [[ -z $(git status --porcelain) ]] || commit+=-changed
  export NICSENTRY_COMMIT=$commit
}

# CMake's version is the package's.
check_version() {
  local first
  first=$(sed -n '1s/^nicsentry (\(.*\)) .*/\1/p' "$source/debian/changelog")
  [[ $first == "$version" ]] ||
    fail "debian/changelog begins with version '$first', CMakeLists.txt has '$version': give it an entry"
}

build() {
  local -a options=(-b -us -uc)
  if ((quick)); then
    options+=(-nc)
    export DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-} noautodbgsym"
  fi
  # dh would take an earlier build for finished.
  rm -rf "$source"/debian/{nicsentry,.debhelper,files,debhelper-build-stamp} "$source"/debian/*.debhelper*
  (cd "$source" && dpkg-buildpackage "${options[@]}") >"$out/build.log" 2>&1 || {
    tail -40 "$out/build.log" >&2
    fail "the build failed; its whole log is $out/build.log"
  }
}

check_lintian() {
  # --allow-root: lintian only reads.
  lintian --allow-root --info --fail-on error,warning "$out/nicsentry_${version}_amd64.changes"
}

scripts/install-deps.sh --package
version=$(cmake_version)
mkdir -p "$out"
unpack
note_commit
check_version
rm -f "$out"/nicsentry*_"${version}"_amd64.{deb,changes,buildinfo}
step "build of nicsentry $version ($NICSENTRY_COMMIT)"
build
step "lintian"
check_lintian
step "built: build-package/nicsentry_${version}_amd64.deb"
