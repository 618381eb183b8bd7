# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Functions that check.sh, lint.sh and test.sh share.

# step TEXT: what begins now, and how long everything before it took
step() {
  printf '== %s (after %d min %02d s)\n' "$1" $((SECONDS / 60)) $((SECONDS % 60))
}

# All sources in C and C++ that clang-format checks.
c_sources() {
  find host tests bench bpf_offload hw/module hw/guest verifier_tests -name '*.cpp' -o -name '*.h' -o -name '*.c' | sort
}

python_sources() {
  find tests bench scripts hw -name '*.py' | sort
}

shell_sources() {
  find scripts .ci debian hw bench tests -type f -exec grep -lE '^#!.*(bash|/sh)|^# shellcheck shell=' {} + | sort
}

# The formatting and the fast checks of these files.
check_c() {
  (($# == 0)) || clang-format --dry-run -Werror "$@"
}

check_shell() {
  (($# == 0)) || shellcheck -x -P SCRIPTDIR -S warning "$@"
}

# Nothing that `man` warns of, which mandoc does not: lines that cannot be broken.
check_man() {
  local warnings
  warnings=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$1" 2>&1 >/dev/null)
  [[ -z $warnings ]] || {
    printf '%s: %s\n' "$1" "$warnings" >&2
    return 1
  }
}

check_python() {
  (($# > 0)) || return 0
  /usr/bin/black --check --quiet "$@" || {
    /usr/bin/black --check "$@" 2>&1 | grep '^would' >&2
    return 1
  }
  /usr/bin/flake8 "$@"
  /usr/bin/mypy "$@"
}
