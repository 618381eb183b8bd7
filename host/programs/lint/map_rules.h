// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <vector>

#include "host/programs/lint/finding.h"
#include "host/programs/lint/firmware.h"
#include "host/programs/lint/program_image.h"

namespace nicsentry::lint {

// The checks of kernel, driver and firmware when an object's maps are created, before its program is looked at.
std::vector<Finding> check_maps(const ProgramImage& program, const Firmware& firmware);

}  // namespace nicsentry::lint
