# SPDX-License-Identifier: GPL-2.0-or-later
# nicsentry_python_cases(NAME "e2e live" SCRIPT test_live.py [LABELS ...] [PROPERTIES ...])
#
# Each case that SCRIPT lists (tests/e2e/suite.py) is a CTest test "NAME: case". A case that the script marks as slow has the
# label `slow`, too. The list is read again when the script or the runner changes.
set(NICSENTRY_PYTHON_CASES_DIR ${CMAKE_CURRENT_LIST_DIR})
function(nicsentry_python_cases)
  cmake_parse_arguments(ARG "" "NAME;SCRIPT" "LABELS;PROPERTIES" ${ARGN})
  set(script ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_SCRIPT})
  execute_process(COMMAND /usr/bin/python3 -B ${script} --list OUTPUT_VARIABLE listed COMMAND_ERROR_IS_FATAL ANY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${script} ${NICSENTRY_PYTHON_CASES_DIR}/e2e/suite.py)
  string(REGEX MATCHALL "[^\n]+" lines "${listed}")
  if(NOT lines)
    message(FATAL_ERROR "${script} lists no cases")
  endif()
  foreach(line IN LISTS lines)
    string(REGEX MATCH "^([a-z]*)\t(.+)$" matched "${line}")
    set(slow ${CMAKE_MATCH_1})
    set(case "${CMAKE_MATCH_2}")
    set(name "${ARG_NAME}: ${case}")
    add_test(NAME "${name}" COMMAND /usr/bin/python3 -B ${script} "${case}")
    set_tests_properties("${name}" PROPERTIES ENVIRONMENT "NICSENTRY=$<TARGET_FILE:nicsentry>" TIMEOUT 900
      SKIP_RETURN_CODE 77 LABELS "${ARG_LABELS};${slow}" ${ARG_PROPERTIES})
  endforeach()
endfunction()
