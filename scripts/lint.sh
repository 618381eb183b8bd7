#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Formatting and static analysis of what is committed; fails at the first kind that finds something.
#   scripts/lint.sh [--full]   --full: also the checks of clang-tidy that take long and find little, and its analyzer, which
#                              follows paths through the code that handles memory and descriptors by hand
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=scripts/common.sh
. scripts/common.sh

# These take a third of the time of all checks.
left_out=-bugprone-implicit-widening-of-multiplication-result,-bugprone-infinite-loop,-bugprone-sizeof-expression
left_out+=,-bugprone-unused-return-value,-bugprone-unused-raii,-bugprone-forward-declaration-namespace
left_out+=,-bugprone-not-null-terminated-result,-performance-type-promotion-in-math-fn,-misc-unused-using-decls
left_out+=,-readability-container-size-empty
analyzed=''
case ${1-} in
  '') ;;
  --full)
    analyzed='*/host/@(datapath|capture|packet)/*'
    left_out=-bugprone-suspicious-include
    ;;
  *) echo "usage: scripts/lint.sh [--full]" >&2; exit 2 ;;
esac

mapfile -t files < <(c_sources)
check_c "${files[@]}"
mapfile -t files < <(shell_sources)
check_shell "${files[@]}"
mapfile -t files < <(python_sources)
check_python "${files[@]}"
mandoc -Tlint -W warning docs/nicsentry.8
check_man docs/nicsentry.8
scripts/check-layers.py
scripts/check-licences.py

# Most of the time goes to the libraries' headers, so clang-tidy looks at all files of a unit together (host/CMakeLists.txt).
# The analyzer follows the paths of the file that it is given, and of those included there only if "UnifiedSource" is in its
# name (clang's AnalysisManager::isInCodeFile), here the build folder's. It takes half of the time (--full), and looks where
# memory and descriptors are handled by hand; elsewhere its paths go through containers and CLI11 and nlohmann/json. Warnings
# are the builds' business: -Wno-error.
build="build-lint/UnifiedSources"
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=0 \
  -DNICSENTRY_TESTS=OFF >/dev/null
tidy() {
  local build=$1 analyzed=$2 checks=-bugprone-suspicious-include,$3 unit=$4
  # shellcheck disable=SC2053 # a pattern
  [[ $unit == $analyzed ]] || checks+=',-clang-analyzer-*'
  # This check alone would be half of the time, over CLI11's templates.
  [[ $unit != */host/cli/* ]] || checks+=',-performance-unnecessary-value-param'
  clang-tidy -p "$build" --quiet --extra-arg=-Wno-error --extra-arg=-Wno-unknown-warning-option \
    --header-filter="$PWD/host/" --checks="$checks" "$unit" 2>/dev/null
}
export -f tidy
# The largest units first: with the processors side by side the last one is a small one then.
units() { sed -n 's/^ *"file": "\(.*\/unity_[^"]*\)",*$/\1/p' "$build/compile_commands.json"; }
units | xargs -d '\n' stat -c '%s %n' | sort -nr | cut -d ' ' -f 2- |
  xargs -d '\n' -n 1 -P "$(nproc)" bash -c 'tidy "$@"' tidy "$build" "$analyzed" "$left_out"
