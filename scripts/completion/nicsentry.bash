# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Completion of nicsentry's commands, options and interfaces in bash. Where nothing is offered, files are.
_nicsentry() {
  mapfile -t COMPREPLY < <("$1" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
    compopt -o nospace # its value follows
  fi
}
complete -o default -F _nicsentry nicsentry
