#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Run it all the time: builds `dev` incrementally, checks the format of changed files, the layers and the
# licences, and runs the unit tests but the slowest. Needs no root.
#   scripts/check.sh [--kernel]
# --kernel: as root, also the tests that load programs into the running kernel, one live case and a replay.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/common.sh
. scripts/common.sh

labels='^unit$'
leave_out=(-E 'lint: the corpus')  # each of its hundred objects is a test: longer than all others
case ${1-} in
  '') ;;
  --kernel)
    ((EUID == 0)) || { echo "check: --kernel loads programs into the kernel and needs root" >&2; exit 1; }
    labels='^(unit|kernel|check)$'
    leave_out=()
    export NICSENTRY_TRIES=${NICSENTRY_TRIES-3}
    ;;
  *) echo "usage: scripts/check.sh [--kernel]" >&2; exit 2 ;;
esac

# changed_of FILES...: those that differ from main, or from the last commit if there is no main
changed_of() {
  local base
  base=$(git merge-base HEAD main 2>/dev/null || git rev-parse HEAD)
  comm -12 <(printf '%s\n' "$@" | sort) \
    <({ git diff --name-only --diff-filter=d "$base"; git ls-files --others --exclude-standard; } | sort)
}

check_changed_files() {
  local -a files
  mapfile -t files < <(c_sources)
  mapfile -t files < <(changed_of "${files[@]}")
  check_c "${files[@]}"
  mapfile -t files < <(shell_sources)
  mapfile -t files < <(changed_of "${files[@]}")
  check_shell "${files[@]}"
  mapfile -t files < <(python_sources)
  mapfile -t files < <(changed_of "${files[@]}")
  check_python "${files[@]}"
  scripts/check-layers.py
  scripts/check-licences.py
}

step "build, and checks of changed files beside it"
checks=$(mktemp)
trap 'rm -f "$checks"' EXIT
check_changed_files >"$checks" 2>&1 &
checking=$!
[[ -e build-dev/build.ninja ]] || cmake --preset dev >/dev/null
cmake --build --preset dev -- --quiet
wrong=()
wait "$checking" || { wrong+=("format, layers or licences"); cat "$checks" >&2; }

step "tests"
ctest --preset dev -L "$labels" "${leave_out[@]}" --test-output-size-passed 1000000 \
  --output-junit "$PWD/build-dev/tests.xml" --quiet --output-log build-dev/tests.log || {
  wrong+=("tests")
  cat build-dev/tests.log
}
scripts/test-report.py build-dev/tests.xml
if ((${#wrong[@]})); then
  printf 'check: wrong: %s\n' "${wrong[@]}" >&2
  exit 1
fi
step "all passed"
