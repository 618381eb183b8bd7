// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>

namespace nicsentry {

struct VerifierAnswer {
  bool asked = false;
  bool taken = false;
  std::string message;  // why it was not asked, or the end of the verifier's log
};

// Loads the first program of an object's section for XDP into the running kernel, to hear what its verifier says, and
// lets go of it. Needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; without them it does not ask.
VerifierAnswer ask_verifier(const std::filesystem::path& object, const std::string& section);

}  // namespace nicsentry
