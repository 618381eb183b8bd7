// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/ports/users_programs.h"

#include <algorithm>
#include <exception>
#include <map>
#include <vector>

#include "host/datapath/user_hooks.h"
#include "host/datapath/user_pins.h"

namespace nicsentry {
namespace {

std::string own(const std::string& name) { return "'" + name + "' of your own"; }

std::string how_to_remove(const std::string& name) {
  return " (remove it with: nicsentry programs unload " + name + ")";
}

std::vector<UserHook> hooks_of(const PinnedProgram& program) {
  if (program.hook.starts_with("egress")) {
    return {{Hook::tc_egress, Mode::tc}};
  }
  return {{Hook::xdp, Mode::hw}, {Hook::xdp, Mode::drv}, {Hook::xdp, Mode::skb}, {Hook::tc_ingress, Mode::tc}};
}

// The hooks on which users' programs are, by name.
std::map<std::string, std::vector<Hook>> users_programs_on(const Interface& port, std::optional<Mode> mode) {
  std::map<std::string, std::vector<Hook>> found;
  for (const auto& [name, load] : UserPins::look()) {
    for (const PinnedProgram& program : load.programs) {
      for (const UserHook& where : hooks_of(program)) {
        if ((!mode || mode == where.mode) && find_user_program(port, where, program.id)) {
          found[name].push_back(where.hook);
        }
      }
    }
  }
  return found;
}

}  // namespace

std::string users_program_text(std::uint32_t program_id) {
  try {
    for (const auto& [name, load] : UserPins::look()) {
      const auto is_it = [program_id](const PinnedProgram& program) { return program.id == program_id; };
      if (std::any_of(load.programs.begin(), load.programs.end(), is_it)) {
        return own(name) + how_to_remove(name);
      }
    }
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): see the header
  }
  return "";
}

std::string users_programs_text(const Interface& port, std::optional<Mode> mode) {
  std::string text;
  try {
    for (const auto& [name, hooks] : users_programs_on(port, mode)) {
      std::string where;
      for (const Hook hook : hooks) {
        where += (where.empty() ? " is on " : ", ") + std::string(hook_name(hook));
      }
      text += (text.empty() ? "" : "; ") + own(name) + where + how_to_remove(name);
    }
  } catch (const std::exception&) {
    return "";
  }
  return text;
}

}  // namespace nicsentry
