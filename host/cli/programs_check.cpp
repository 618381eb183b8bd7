// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/programs_check.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "host/api/json/programs_json.h"
#include "host/base/atomic_file.h"
#include "host/base/error.h"
#include "host/base/text_reading.h"
#include "host/cli/command_parts.h"
#include "host/cli/programs_options.h"
#include "host/programs/monitor/monitor_reading.h"
#include "host/programs/verify/verify.h"

namespace nicsentry {
namespace {

struct FormatOptions {
  std::string file;
  bool lines = false;
};

struct CheckOptions {
  ProgramsOptions program;
  std::string output;
};

std::string read_c_text(const std::string& name) {
  if (name == "-") {
    return read_text(std::cin, "standard input");
  }
  std::ifstream file(name, std::ios::binary);
  if (!file) {
    throw SystemError(errno, "opening " + name);
  }
  return read_text(file, name);
}

nlohmann::json lines_of(const std::string& text) {
  nlohmann::json lines = nlohmann::json::array();
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

int format_code(const FormatOptions& options) {
  const std::string text = read_c_text(options.file);
  const nlohmann::json code = options.lines ? lines_of(text) : nlohmann::json(text);
  try {
    std::printf("%s\n", code.dump(options.lines ? 2 : -1, ' ', true).c_str());
  } catch (const nlohmann::json::exception&) {
    throw Error(options.file + ": it is not UTF-8, which JSON asks for");
  }
  return kExitSuccess;
}

const char* program_kind_name(ProgramKind kind) { return kind == ProgramKind::xdp ? "xdp" : "tc"; }

nlohmann::ordered_json checked_json(const programs::VerifiedPath& path) {
  return {{"path", program_path_name(path.egress)},
          {"name", path.name},
          {"dialect", path.dialect},
          {"hook", program_kind_name(path.kind)},
          {"program", path.object.program()},
          {"section", path.object.section()},
          {"instructions", path.object.instructions()},
          {"warnings", path.warnings},
          {"maps", encode(path.object.maps())}};
}

std::string checked_text(const programs::VerifiedPath& path) {
  return std::string(program_path_name(path.egress)) + ": " + path.name + "\n  " + path.dialect + ", program " +
         path.object.program() + " for " + program_kind_name(path.kind) + ", " +
         std::to_string(path.object.instructions()) + " instructions: the kernel takes it\n" +
         program_maps_text(path.object.maps());
}

programs::VerifyOptions verify_options(const ProgramsOptions& options) {
  programs::VerifyOptions made;
  made.direction = program_direction(options);
  made.log_level = program_log_level(options);
  if (options.mode != "auto") {
    made.ingress = options.mode == "tc" ? ProgramKind::tc : ProgramKind::xdp;
  }
  return made;
}

void write_objects(const std::vector<programs::VerifiedPath>& paths, const std::string& directory) {
  prepare_directory(directory);
  FileBatch files;
  for (const programs::VerifiedPath& path : paths) {
    files.create(std::filesystem::path(directory) / (path.egress ? "egress.o" : "ingress.o"))
        .write(path.object.bytes());
  }
  files.publish();
}

int check_program(const CheckOptions& options) {
  const programs::Monitor monitor = programs::read_program_file(options.program.file);
  const std::vector<programs::VerifiedPath> paths = programs::verify(monitor, verify_options(options.program));
  if (!options.output.empty()) {
    write_objects(paths, options.output);
  }
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const programs::VerifiedPath& path : paths) {
    if (options.program.json) {
      all.push_back(checked_json(path));
    } else {
      std::fputs(path.warnings.c_str(), stderr);
      std::fputs(checked_text(path).c_str(), stdout);
    }
  }
  if (options.program.json) {
    print_json(all);
  }
  return kExitSuccess;
}

}  // namespace

void add_programs_format(CLI::App& programs, Action& chosen) {
  auto options = std::make_shared<FormatOptions>();
  CLI::App* part = add_part(programs, "format", "print C text as the JSON that a monitor's \"code\" takes", options,
                            format_code, chosen);
  part->add_option("FILE", options->file, "C text; - is standard input")->required();
  part->add_flag("--lines", options->lines, "a list of lines in place of one text");
  part->footer(
      "Example:\n"
      "  nicsentry programs format monitor.c --lines");
}

void add_programs_check(CLI::App& programs, Action& chosen) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* part = add_part(programs, "check", "compile a program and ask the kernel's verifier, without attaching it",
                            options, check_program, chosen);
  add_programs_options(*part, options->program);
  part->add_option("-o,--output", options->output, "also write ingress.o and egress.o into this directory");
  part->footer(
      "Example:\n"
      "  nicsentry programs check MONITOR.json --mode drv");
}

}  // namespace nicsentry
