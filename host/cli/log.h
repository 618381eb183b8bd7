// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <string>

namespace nicsentry {

// Messages to the user go to stderr; `quiet` leaves warnings, errors and the records of packets that rules log.
void set_up_log(bool quiet);
void log_info(const std::string& text);
void log_warning(const std::string& text);
void log_error(const std::string& text);
void log_packet(const std::string& text);

}  // namespace nicsentry
