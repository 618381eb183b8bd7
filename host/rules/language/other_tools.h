// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nicsentry {

// "; did you mean 'src'?", behind an error about a field that is none of `fields`: by the words of nft, iptables,
// tcpdump and others ("saddr", "--dport", "proto"), else by the closest of `fields`. Empty where none was meant.
std::string field_hint(std::string_view name, std::span<const char* const> fields);

// The same for a value that is none of `allowed`, where they are actions ("deny", "allow"), chains ("INPUT") or on and
// off ("yes"), modes ("native") or keys of a table ("port").
std::string value_hint(std::string_view word, std::span<const char* const> allowed);

// The same for a value of a rule's field that has names: "TPC" for TCP, "src" of a limit. Empty for one of the names,
// in whatever case, and for a number. A '!' before the word is none of it.
std::string name_hint(std::string_view word, const std::vector<std::string>& names);

}  // namespace nicsentry
