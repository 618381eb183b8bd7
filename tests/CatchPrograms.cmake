# SPDX-License-Identifier: GPL-2.0-or-later
# The test programs in C++.
find_package(Catch2 2 REQUIRED)

# Templates take longer to compile with -O3 than tests take to run.
add_compile_options($<$<CONFIG:Release>:-O1>)

# A Catch2 program is one test: its cases share what is costly, above all compiled programs that the kernel has verified.
# It prints how long each case took, for scripts/test-report.py. Cases with the tag [slow] take many seconds with sanitizers:
# scripts/test.sh leaves them to --full.
function(nicsentry_catch_tests name)
  cmake_parse_arguments(ARG "" "PROGRAM;TIMEOUT" "LABEL;CASES" ${ARGN})
  if(NOT ARG_PROGRAM)
    set(ARG_PROGRAM ${name})
  endif()
  if(NOT ARG_CASES)
    set(ARG_CASES "~[slow]")
  endif()
  add_test(NAME ${name} COMMAND ${ARG_PROGRAM} --durations yes --filenames-as-tags ${ARG_CASES})
  set_tests_properties(${name} PROPERTIES ENVIRONMENT "NICSENTRY_BPF_DIR=${PROJECT_BINARY_DIR}/bpf_offload"
    LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT} COST 80)
endfunction()

# tests/ mirrors host/ and bpf_offload/: a room's tests stand in the folder of the room's name, and what tests share in
# support/. Each folder adds its files to the program that can run them:
# unit_tests        logic without a kernel: values in, values out
# controller_tests  the controller's parts over the real program and its maps: root
# firewall_tests    compiled rules asked of the program in the running kernel (BPF_PROG_TEST_RUN): root
# kernel_tests      the compiled programs in the running kernel: root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON
add_executable(unit_tests)
target_link_libraries(unit_tests PRIVATE nicsentry_all Catch2::Catch2WithMain Threads::Threads)
# Two files to the compiler where the presets make one of a folder: it would be the longest of all.
set_target_properties(unit_tests PROPERTIES UNITY_BUILD_BATCH_SIZE 12)

add_executable(controller_tests)
target_link_libraries(controller_tests PRIVATE nicsentry_all Catch2::Catch2WithMain)

add_executable(kernel_tests)
target_link_libraries(kernel_tests PRIVATE nicsentry_all fmt::fmt Catch2::Catch2WithMain Threads::Threads)

add_executable(firewall_tests)
target_link_libraries(firewall_tests PRIVATE test_rules nicsentry_all Catch2::Catch2WithMain)
add_dependencies(firewall_tests bpf_objects)

add_subdirectory(support)

foreach(room analysis api app base bpf_offload capture cli config enforce export/files export/stream filter lockout metrics packet polycube ports programs/lint programs/values report rules
        run sessions top)
  add_subdirectory(${room})
endforeach()

# In two parts, so that a sanitizer's build has both processors: the random cases of the tables take half of the time.
nicsentry_catch_tests(unit_tests LABEL unit TIMEOUT 900 CASES "~[slow]~[#session_table_test]~[#address_sets_test]")
nicsentry_catch_tests(unit_tests_tables PROGRAM unit_tests LABEL unit TIMEOUT 900
  CASES "~[slow][#session_table_test],~[slow][#address_sets_test]")
nicsentry_catch_tests(unit_tests_slow PROGRAM unit_tests LABEL unit slow TIMEOUT 900 CASES "[slow]")
nicsentry_catch_tests(controller_tests LABEL kernel TIMEOUT 900)
nicsentry_catch_tests(firewall_tests LABEL kernel TIMEOUT 1800)
nicsentry_catch_tests(firewall_tests_slow PROGRAM firewall_tests LABEL kernel slow TIMEOUT 900 CASES "[slow]")
nicsentry_catch_tests(kernel_tests LABEL kernel TIMEOUT 900)
