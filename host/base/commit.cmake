# SPDX-License-Identifier: GPL-2.0-or-later
# Writes the commit of SOURCE into the header FILE. Leaves the file untouched, with its time, while HEAD is the same.
# Environment variable NICSENTRY_COMMIT: the commit of a source that is no work tree, as in a package's build.
# An unpacked release may lie in another project's repository: --show-prefix is empty at the top of a work tree only.
execute_process(
  COMMAND git -C ${SOURCE} rev-parse --show-prefix --short=12 HEAD
  OUTPUT_VARIABLE output ERROR_QUIET RESULT_VARIABLE failure)
set(commit unknown)
if(NOT failure AND output MATCHES "^\n([0-9a-f]+)\n$")
  set(commit ${CMAKE_MATCH_1})
elseif("$ENV{NICSENTRY_COMMIT}" MATCHES "^[0-9a-f]+(-changed)?$")
  set(commit $ENV{NICSENTRY_COMMIT})
endif()
set(text "// Written by host/base/commit.cmake.\n#define NICSENTRY_COMMIT \"${commit}\"\n")
if(EXISTS ${FILE})
  file(READ ${FILE} former)
endif()
if(NOT text STREQUAL "${former}")
  file(WRITE ${FILE} "${text}")
endif()
