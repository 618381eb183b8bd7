#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# From a bare Debian 12 as root: installs what is missing, builds, looks at the sources (lint.sh) and runs the tests.
#   scripts/test.sh           what must hold before a merge: one case of each expensive kind, a tenth of the random cases,
#                             the test programs in C++ with sanitizers only
#   scripts/test.sh --full    what a release passes: every case, all random cases, ThreadSanitizer, fuzzing, and live and
#                             firewall cases on Debian's own kernel in the virtual machine
# A failed test does not end the run. What fails beside other tests runs once more by itself, where a busy processor is no
# reason; at the end stand the tests that passed only then, the skipped ones, the ten slowest and what failed.
# NICSENTRY_FUZZ_SECONDS: for each fuzzing target (60).
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/common.sh
. scripts/common.sh

full=0
case ${1-} in
  '') ;;
  --full) full=1 ;;
  *) echo "usage: scripts/test.sh [--full]" >&2; exit 2 ;;
esac
((EUID == 0)) || { echo "test: real XDP, namespaces and perf events need root" >&2; exit 1; }

results=$PWD/build-test
rm -rf "$results"
mkdir -p "$results"
failures=()
export NICSENTRY_TRIES=10
leave_out=(-LE slow)
once=(-LE 'slow|files')  # those with the label `files` run in the sanitizers' build
lint=(scripts/lint.sh)
if ((full)); then
  NICSENTRY_TRIES=100
  leave_out=()
  once=()
  lint+=(--full)
fi

# call_ctest PRESET CTEST_OPTIONS...
call_ctest() {
  local -a prefix=()
  # ThreadSanitizer of clang 14 does not know the address space of newer kernels with its randomised places.
  [[ $1 != tsan ]] || prefix=(setarch -R)
  "${prefix[@]}" ctest --preset "$1" "${@:2}"
}

# once_more NAME PRESET: what failed in the last run of these tests
unsteady=()
once_more() {
  local name=$1 preset=$2 failed=build
  [[ $preset == release ]] || failed+=-$preset
  failed=$(sed 's/^[0-9]*://' "$failed/Testing/Temporary/LastTestsFailed.log" || true)
  step "once more, each by itself: what failed"
  if [[ -n $failed ]] && call_ctest "$preset" --rerun-failed --parallel 1 --output-junit "$results/$name-again.xml"; then
    while read -r test; do unsteady+=("$test ($name)"); done <<<"$failed"
  else
    failures+=("tests: $name")
  fi
}

# run_tests NAME PRESET CTEST_OPTIONS...: the results go to the report at the end
run_tests() {
  call_ctest "$2" "${@:3}" --test-output-size-passed 1000000 --output-junit "$results/$1.xml" || once_more "$1" "$2"
}

# background NAME COMMAND...: beside what follows, with what it writes in a file, at low priority
declare -A background_pids=()
background() {
  nice -n 10 "${@:2}" >"$results/$1.log" 2>&1 &
  background_pids[$1]=$!
}

# finish NAME: waits for it; if it failed shows what it wrote
finish() {
  wait "${background_pids[$1]}" && return 0
  echo "test: $1 failed:" >&2
  cat "$results/$1.log" >&2
  return 1
}

# build PRESET CMAKE_OPTIONS...
build() {
  cmake --preset "$1" -DNICSENTRY_TESTS=ON "${@:2}" >/dev/null
  cmake --build --preset "$1" -- --quiet
}

fuzz() {
  local target corpus failed=0
  tests/fuzz/make_seeds.py "$results/seeds"
  for target in build-fuzz/fuzz_*; do
    [[ -x $target && ! -d $target ]] || continue
    corpus=$results/corpus-${target##*/}
    mkdir -p "$corpus"
    "$target" -max_total_time="${NICSENTRY_FUZZ_SECONDS:-60}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
      -artifact_prefix="$results/${target##*/}-" "$corpus" "$results/seeds/${target##*/fuzz_}" \
      >"$results/${target##*/}.log" 2>&1 || failed=1
    grep -E '^(stat::number_of_executed_units|SUMMARY|==[0-9]+==ERROR)' "$results/${target##*/}.log" | sed "s|^|${target##*/}: |"
  done
  return "$failed"
}

scripts/install-deps.sh --tests
mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf
# The virtual machine's parts are downloads for the most part: beside the builds.
background "virtual machine" hw/vnfp setup

# The test programs in C++ run in the sanitizers' build; in both builds with --full, which also checks every pointer.
catch_tests=OFF
pointer_checks=OFF
((!full)) || { catch_tests=ON; pointer_checks=ON; }
step "release build"
build release -DNICSENTRY_CATCH_TESTS=$catch_tests
# These mostly wait. Beside them the sanitizer's build and the lint have the processors to themselves most of the time.
background "asan build" bash -c "$(declare -f build); build asan -DNICSENTRY_CATCH_TESTS=ON -DNICSENTRY_POINTER_CHECKS=$pointer_checks"
background lint "${lint[@]}"
step "tests, release: end to end; beside them the build with ASan and UBSan, and the lint"
run_tests release-e2e release -L 'e2e|unit' -E 'live_rates' "${once[@]}"
step "the rest of the build with ASan and UBSan, and of the lint"
finish "asan build"
finish lint || failures+=("lint")
finish "virtual machine"

sanitized=(ctest --preset asan --test-output-size-passed 1000000 --output-junit "$results/asan.xml")
if ((full)); then
  step "tests, ASan and UBSan"
  # A sanitizer's memory is no measure of the program's.
  NICSENTRY_TRIES=10 "${sanitized[@]}" -E 'a window without a cap' || NICSENTRY_TRIES=10 once_more asan asan
  step "tests, release: the virtual card, rates"
  run_tests release release -L 'kernel|hw'
else
  # The virtual machines have one processor each: the sanitized tests have the other.
  step "tests: the virtual card; beside it ASan and UBSan"
  # Real captures, and what is compiled, verified or started for each of many cases, are looked at without sanitizers, above.
  background "sanitized tests" env NICSENTRY_TRIES=3 "${sanitized[@]}" "${leave_out[@]}" \
    -E 'replay: .*(cic|dns|icmp|mining|monero)|lint: (the corpus|our programs)|monitor: the schema|command_line: .*(wrong|hints)'
  run_tests release release -L 'kernel|hw' "${once[@]}"
  finish "sanitized tests" || NICSENTRY_TRIES=3 once_more asan asan
  step "tests, release: rates"
fi
run_tests release-rates release -R 'live_rates' "${leave_out[@]}"

if ((full)); then
  step "ThreadSanitizer"
  build tsan
  NICSENTRY_TRIES=10 run_tests tsan tsan -L 'unit|kernel' -R '^(unit_tests.*|controller_tests)$'
  step "fuzzing"
  build fuzz
  fuzz || failures+=("fuzzing: see $results")
  step "Debian's own kernel in the virtual machine"
  tests/hw/test-kernel.sh || failures+=("tests on Debian's kernel")
fi

step "report"
scripts/test-report.py "$results"/*.xml
((${#unsteady[@]} == 0)) || printf 'test: failed beside others, passed by itself: %s\n' "${unsteady[@]}" >&2
if ((${#failures[@]})); then
  printf 'test: failed: %s\n' "${failures[@]}" >&2
  exit 1
fi
step "all passed"
