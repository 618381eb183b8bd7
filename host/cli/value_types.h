// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace nicsentry {

// CLI::Option::type_name() of options whose values a shell completes by what there is (value_candidates.h).
inline constexpr const char* kSetType = "SET";               // by the run
inline constexpr const char* kEntryType = "ENTRY";           // of the set that the line names, else a blocked one
inline constexpr const char* kRuleIdType = "ID";             // by the run
inline constexpr const char* kRuleIdOrWordType = "ID|WORD";  // the same, or a word of a rule
inline constexpr const char* kProgramType = "PROGRAM";       // by `programs load`
inline constexpr const char* kRuleWordType = "WORD";         // of a rule
inline constexpr const char* kPacketWordType = "FIELD=VALUE|FILE";  // of a packet, or a capture

}  // namespace nicsentry
