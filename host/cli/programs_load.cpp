// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/programs_load.h"

#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "host/api/json/programs_json.h"
#include "host/cli/command_parts.h"
#include "host/cli/programs_options.h"
#include "host/cli/programs_run.h"
#include "host/cli/value_types.h"
#include "host/programs/loaded/loaded.h"
#include "host/programs/monitor/monitor_reading.h"

namespace nicsentry {
namespace {

struct LoadCommandOptions {
  ProgramsOptions program;
  std::string interface;
  std::string name;
  std::optional<std::uint32_t> priority;
  std::string with;
};

struct LoadedCommandOptions {
  std::string name;
  bool json = false;
};

std::string loaded_line(const programs::LoadedMonitor& monitor) {
  std::ostringstream text;
  text << monitor.name << ": " << monitor.interface;
  if (!monitor.here) {
    text << " of another network namespace\n";
    return text.str();
  }
  for (const programs::LoadedPath& path : monitor.paths) {
    text << ", " << program_path_name(path.egress) << " " << mode_name(path.mode);
    if (path.priority != 0) {
      text << " priority " << path.priority;
    }
    text << (path.with.empty() ? "" : " with " + path.with) << (path.attached ? "" : " (not attached)");
  }
  text << "\n";
  return text.str();
}

std::string loaded_text(const programs::LoadedMonitor& monitor) {
  std::string text = loaded_line(monitor) + "  file " + monitor.file + ", pinned in " + monitor.maps + "\n";
  for (const programs::LoadedPath& path : monitor.paths) {
    text += "  " + std::string(program_path_name(path.egress)) + ": " + path.title + ", program " +
            std::to_string(path.program_id) +
            (path.instructions ? ", " + std::to_string(*path.instructions) + " NFP instructions" : "") + "\n" +
            program_maps_text(path.maps);
  }
  return text;
}

// The file's name without its ending, if it has no other.
std::string name_of(const LoadCommandOptions& options) {
  return options.name.empty() ? std::filesystem::path(options.program.file).stem().string() : options.name;
}

int load_command(const LoadCommandOptions& options) {
  programs::LoadRequest request;
  request.interface = options.interface;
  request.name = name_of(options);
  request.file = options.program.file;
  request.direction = program_direction(options.program);
  request.log_level = program_log_level(options.program);
  request.priority = options.priority;
  request.with = options.with;
  if (options.program.mode != "auto") {
    request.mode = parse_mode(options.program.mode);
  }
  const programs::LoadResult result = load_program(programs::read_program_file(options.program.file), request);
  std::fputs(result.warnings.c_str(), stderr);
  if (!result.why_alone.empty()) {
    std::fprintf(stderr, "%s stands alone on the XDP hook of %s: %s\n", request.name.c_str(), request.interface.c_str(),
                 result.why_alone.c_str());
  }
  if (options.program.json) {
    print_json(encode(result.monitor));
  } else {
    std::printf("%s%s", result.replaced ? "replaced " : "loaded ", loaded_line(result.monitor).c_str());
  }
  return kExitSuccess;
}

int list_command(const LoadedCommandOptions& options) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const programs::LoadedMonitor& monitor : list_programs()) {
    if (options.json) {
      all.push_back(encode(monitor));
    } else {
      std::fputs(loaded_line(monitor).c_str(), stdout);
    }
  }
  if (options.json) {
    print_json(all);
  }
  return kExitSuccess;
}

int show_command(const LoadedCommandOptions& options) {
  const programs::LoadedMonitor monitor = find_program(options.name);
  if (options.json) {
    print_json(encode(monitor));
  } else {
    std::fputs(loaded_text(monitor).c_str(), stdout);
  }
  return kExitSuccess;
}

int unload_command(const LoadedCommandOptions& options) {
  unload_program(options.name);
  if (options.json) {
    print_json(encode(ProgramUnloaded{options.name}));
  } else {
    std::printf("unloaded %s\n", options.name.c_str());
  }
  return kExitSuccess;
}

CLI::App* add_loaded_part(CLI::App& programs, const char* name, const char* what, bool takes_name,
                          int (*perform)(const LoadedCommandOptions&), Action& chosen) {
  auto options = std::make_shared<LoadedCommandOptions>();
  CLI::App* part = add_part(programs, name, what, options, perform, chosen);
  if (takes_name) {
    part->add_option("NAME", options->name, "of a loaded program")->required()->type_name(kProgramType);
  }
  part->add_flag("--json", options->json, "print JSON");
  return part;
}

}  // namespace

void add_programs_load(CLI::App& programs, Action& chosen) {
  auto options = std::make_shared<LoadCommandOptions>();
  CLI::App* part = add_part(programs, "load", "compile a program and put it on a port, in place of one of its name",
                            options, load_command, chosen);
  part->add_option("-i,--interface", options->interface, "port")->required();
  add_programs_options(*part, options->program, true);
  part->add_option("--name", options->name, "name of the program (that of the file)");
  part->add_option("--priority", options->priority,
                   "lower ones see a packet first (on TC from 200 on, the first free; on XDP 50)")
      ->check(whole_number(1, 0xffff));
  part->add_option("--with", options->with, "on a card: behind this analyser, ddos or crypto, which calls on_packet()")
      ->check(one_of({"ddos", "crypto"}));
  part->footer(
      "Examples:\n"
      "  nicsentry programs load -i eth0 MONITOR.json --name monitor\n"
      "  nicsentry programs load -i nfp0 PROGRAM.c --mode hw --with ddos");
}

void add_programs_loaded(CLI::App& programs, Action& chosen) {
  add_loaded_part(programs, "list", "print the loaded programs", false, list_command, chosen);
  add_loaded_part(programs, "show", "print a loaded program and its maps", true, show_command, chosen);
  add_loaded_part(programs, "unload", "take a program off its port", true, unload_command, chosen);
}

}  // namespace nicsentry
