// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/lint.h"

#include <algorithm>

#include "host/datapath/verifier_answer.h"
#include "host/programs/lint/driver_rules.h"
#include "host/programs/lint/firmware.h"
#include "host/programs/lint/kernel_refusal.h"
#include "host/programs/lint/map_rules.h"
#include "host/programs/lint/object_reader.h"
#include "host/programs/lint/stack_use.h"
#include "host/programs/lint/translation.h"
#include "host/programs/lint/walk.h"

namespace nicsentry::lint {
namespace {

constexpr std::uint32_t kKernelStackMax = 512;
constexpr std::uint32_t kBpfAppId = 2;

class Linting {
 public:
  Linting(const LintRequest& request, const Firmware& firmware, const ProgramImage& program)
      : request_(request), firmware_(firmware), program_(program) {
    report_.program = program.name;
    report_.section = program.section;
    report_.firmware = firmware.name;
    report_.bpf_instructions = program.instructions.size();
    report_.nfp_limit = firmware.program_max;
    report_.stack_limit = firmware.stack_bytes;
  }

  LintReport run() {
    if (firmware_.app_id != kBpfAppId) {
      add({Rule::firmware, std::nullopt, "the driver offloads no programs with this firmware",
           "the eBPF firmware (docs/cards.md says how to load it)"});
    }
    for (const std::string& missing : program_.unresolved) {
      add({Rule::object, std::nullopt, missing,
           "everything that the program uses, in one object (bpftool gen object)"});
    }
    for (Finding& finding : check_maps(program_, firmware_)) {
      add(std::move(finding));
    }
    walk();
    ask_kernel();
    decide();
    return std::move(report_);
  }

 private:
  void add(Finding finding) {
    FindingWithSource found{std::move(finding), std::nullopt};
    if (found.finding.instruction) {
      if (const SourceLine* line = program_.line_of(*found.finding.instruction); line != nullptr) {
        found.source = *line;
      }
    }
    report_.findings.push_back(std::move(found));
  }

  bool refused() const { return !report_.findings.empty(); }

  void walk() {
    DriverRules rules(program_, firmware_);
    Walk walk(program_, rules);
    std::optional<ProgramFacts> facts;
    try {
      facts = walk.run();
    } catch (const KernelRefusal& refusal) {
      add_rules(rules);
      // After an offence of the driver's the walk goes on where the kernel's would have ended.
      if (rules.findings().empty()) {
        add({Rule::kernel, refusal.instruction, refusal.message, "a program that the kernel's verifier takes"});
      }
      report_.unchecked = {Rule::shifts, Rule::stack_size, Rule::packet_split, Rule::length};
      return;
    } catch (const TooManyPaths&) {
      add_rules(rules);
      report_.give_up = "the program has more paths than the kernel's verifier walks (1,000,000 instructions)";
      report_.unchecked = {Rule::shifts, Rule::stack_size, Rule::packet_split, Rule::length};
      return;
    }
    add_rules(rules);
    report_.packet_bytes = facts->packet_bytes;
    chooses_queue_ = facts->chooses_queue;
    check_stack(*facts);
    check_packet(*facts);
    check_translation(*facts);
  }

  void add_rules(const DriverRules& rules) {
    for (const Finding& finding : rules.findings()) {
      add(finding);
    }
  }

  void check_stack(const ProgramFacts& facts) {
    report_.stack_bytes = stack_on_card(program_, facts);
    const std::string less = "fewer and smaller variables on the stack, or values in registers";
    if (*report_.stack_bytes > firmware_.stack_bytes) {
      add({Rule::stack_size, std::nullopt,
           "stack too large: program " + std::to_string(*report_.stack_bytes) + "B > FW stack " +
               std::to_string(firmware_.stack_bytes) + "B",
           less});
    } else if (stack_in_kernel(program_, facts) > kKernelStackMax) {
      add({Rule::stack_size, std::nullopt,
           "combined stack size is " + std::to_string(stack_in_kernel(program_, facts)) + ". Too large", less});
    }
  }

  void check_packet(const ProgramFacts& facts) {
    if (firmware_.inline_mtu < std::min<std::uint64_t>(facts.packet_bytes, request_.mtu)) {
      add({Rule::packet_split, std::nullopt,
           "BPF offload not supported with potential packet access beyond HW packet split boundary",
           "reads of the first " + std::to_string(firmware_.inline_mtu) + " bytes only, or a port with an MTU of " +
               std::to_string(firmware_.inline_mtu) + " at most"});
    }
  }

  // An offence before hides what the translator would say.
  void check_translation(const ProgramFacts& facts) {
    const bool only_maps = std::all_of(report_.findings.begin(), report_.findings.end(),
                                       [](const auto& found) { return !found.finding.instruction; });
    if (!only_maps) {
      report_.unchecked = {Rule::shifts, Rule::length};
      return;
    }
    const Translation translation = translate(program_, facts);
    if (translation.fails) {
      add_failure(translation);
      report_.unchecked = {Rule::length};
      return;
    }
    report_.nfp_instructions = translation.size;
    if (translation.size > firmware_.program_max + kPredictionError) {
      add({Rule::length, std::nullopt,
           "instruction limit reached (" + std::to_string(firmware_.program_max) + " NFP instructions)",
           "a shorter program: build nothing on the stack, compile with -mcpu=v3, merge what the branches have in "
           "common"});
    }
  }

  void add_failure(const Translation& translation) {
    const std::size_t at = *translation.fails;
    const Instruction& instruction = program_.instructions[at];
    Rule rule = Rule::instructions;
    std::string way_out = "code without this instruction";
    if (is_load(instruction)) {
      rule = Rule::context_fields;
      way_out = "only data and data_end of the context can be read";
    } else if (is_constant_store(instruction)) {
      way_out =
          "a store of a register: compile with -mcpu=v3, which has no stores of constants; "
          "map values can only be added to";
    } else if (is_alu(instruction)) {
      rule = Rule::shifts;
      way_out = "a shift by less than the register's width";
    }
    add({rule, at, translation.message, way_out});
  }

  void ask_kernel() {
    if (!request_.ask_kernel) {
      report_.kernel.message = "not wanted";
      return;
    }
    if (chooses_queue_) {
      report_.kernel.message = "it lets only programs on a device write rx_queue_index";
      return;
    }
    const VerifierAnswer answer = ask_verifier(request_.object, request_.section);
    report_.kernel = {answer.asked, answer.taken, answer.message};
    if (answer.asked && !answer.taken && !refused()) {
      add({Rule::kernel, std::nullopt, answer.message, "a program that the kernel's verifier takes"});
    }
  }

  void decide() {
    if (refused()) {
      report_.verdict = Verdict::refused;
    } else if (!report_.give_up.empty()) {
      report_.verdict = Verdict::unknown;
    } else if (report_.nfp_instructions && *report_.nfp_instructions + kPredictionError > firmware_.program_max) {
      report_.verdict = Verdict::unknown;
      report_.give_up = "the predicted length is within " + std::to_string(kPredictionError) +
                        " instructions of the firmware's limit";
    }
  }

  const LintRequest& request_;
  const Firmware& firmware_;
  const ProgramImage& program_;
  LintReport report_;
  bool chooses_queue_ = false;
};

}  // namespace

LintReport lint(const LintRequest& request) {
  const Firmware firmware = find_firmware(request.firmware);
  const ProgramImage program = read_program(request.object, request.section);
  return Linting(request, firmware, program).run();
}

}  // namespace nicsentry::lint
