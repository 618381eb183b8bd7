// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "host/datapath/user_object.h"
#include "host/programs/dialect/dialect.h"
#include "host/programs/verify/verify.h"

namespace nicsentry::programs {

// Asks the lint about a program for a card before the driver is asked, which ends at the first offence. Returns its
// figures, for a refusal of the driver's, as lines with a line break in front. Throws Error with all offences and the
// figures where the card does not take the program. A firmware that the lint does not know is left to the driver.
std::string ask_lint(const UserObject& object, const SourceText& source, const CardTarget& card);

}  // namespace nicsentry::programs
