// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "host/rules/language/rule.h"

namespace nicsentry {

// Ports that got other names, all at once: by the former name the new one.
using PortNames = std::map<std::string, std::string>;

// Rules that name a port by its former name get the new one. Returns how many.
std::size_t rename_ports(ChainRules& chain, const PortNames& names);

// Names that rules have already, and that ports which are not meant get: of ports that are gone. With how many rules.
std::map<std::string, std::size_t> taken_names(const ChainRules& chain, const PortNames& names);

}  // namespace nicsentry
