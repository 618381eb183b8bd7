// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "host/programs/lint/finding.h"
#include "host/programs/lint/program_image.h"

namespace nicsentry::lint {

// NFP instructions by which the prediction may be wrong. No program of the tests' differs at all; the constant stands
// for numbers that only the machine with the card knows, such as that of the event array's map.
constexpr unsigned kPredictionError = 4;

struct LintRequest {
  std::filesystem::path object;
  std::string section = "xdp";
  std::string firmware = "agilio-bpf";  // firmware.h: a profile or a file
  std::uint32_t mtu = 1500;             // of the port
  bool ask_kernel = true;               // also the verifier of the running kernel
};

enum class Verdict { taken, refused, unknown };

struct KernelAnswer {
  bool asked = false;
  bool taken = false;
  std::string message;  // why it was not asked, or what it refuses
};

struct FindingWithSource {
  Finding finding;
  std::optional<SourceLine> source;
};

struct LintReport {
  Verdict verdict = Verdict::taken;
  std::string program;
  std::string section;
  std::string firmware;  // its own name
  std::vector<FindingWithSource> findings;
  std::vector<Rule> unchecked;  // because an earlier offence hides them
  std::string give_up;          // why there is no verdict; empty if there is one
  std::size_t bpf_instructions = 0;
  std::optional<unsigned> nfp_instructions;  // predicted; nothing if the program is refused before
  std::uint32_t nfp_limit = 0;
  std::optional<std::uint32_t> stack_bytes;
  std::uint32_t stack_limit = 0;
  std::uint64_t packet_bytes = 0;  // the last byte of the packet that it may reach
  KernelAnswer kernel;
};

// Says whether a card takes a program, and if not, why and what to write instead. It needs no card and no privileges.
// Throws Error where the object, its section or the firmware cannot be read.
LintReport lint(const LintRequest& request);

}  // namespace nicsentry::lint
