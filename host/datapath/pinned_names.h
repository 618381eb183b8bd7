// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace nicsentry {

// In a hook's directory (pins.h), and in kWithPins; the other names there are those of maps.
inline constexpr const char* kPinnedProgram = "program";
// Below a load of a user's (user_pins.h): nicsentry's program that calls its function, and that program's own maps.
inline constexpr const char* kWithPins = "with";

}  // namespace nicsentry
