# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Completion of nicsentry's commands, options, values and names in bash. Where nothing is offered, files are.

# bash splits words at characters of COMP_WORDBREAKS, '=' and ':' among them. Sets `words` to the words of the line up to
# the one that has begun.
_nicsentry_words() {
  local rest=$COMP_LINE word blanks i
  words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    blanks=${rest%%[![:space:]]*}
    if [[ -n $blanks || i -eq 0 ]]; then
      words+=("$word")
    else
      words[-1]+=$word
    fi
    rest=${rest#"$blanks"}
    rest=${rest#"$word"}
  done
}

_nicsentry() {
  local -a words offered
  _nicsentry_words
  mapfile -t offered < <("$1" complete -- "${words[@]:1}" 2>/dev/null)
  if [[ ${#offered[@]} -eq 1 && ${offered[0]} == *= ]]; then
    compopt -o nospace # its value follows
  fi
  # Only what stands behind the last of these characters is replaced.
  local breaks='' one current=${words[-1]}
  for one in = : @; do
    [[ $COMP_WORDBREAKS != *"$one"* ]] || breaks+=$one
  done
  local kept=''
  [[ -z $breaks ]] || kept=${current%"${current##*["$breaks"]}"}
  COMPREPLY=("${offered[@]#"$kept"}")
}
complete -o default -F _nicsentry nicsentry
