// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "host/datapath/program.h"

namespace nicsentry::testing {

// As Program::load for a program that is on no card, but the kernel verifies each kind of program once a process: a
// test case gets a program that an earlier case is done with, its maps emptied. Programs of one test case are always
// distinct.
Program pooled_program(const LoadOptions& options);

// Fills every array that the program uses with zeros, as it is after loading.
void empty_maps(int program_fd);

}  // namespace nicsentry::testing
