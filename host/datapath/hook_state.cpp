// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/hook_state.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "host/base/error.h"
#include "host/datapath/extensions.h"
#include "host/datapath/hooks.h"
#include "host/datapath/loaded_program.h"
#include "host/datapath/program.h"
#include "host/datapath/tc_filters.h"
#include "host/datapath/xdp_dispatcher.h"

namespace nicsentry {
namespace {

// The kernel follows 33 tail calls at most (MAX_TAIL_CALL_CNT); a chain of dispatchers has far fewer programs.
constexpr std::size_t kProgramsFollowed = 64;

std::vector<std::uint32_t> programs_called_by(std::uint32_t program_id) {
  std::vector<std::uint32_t> called = extensions_of(program_id);
  try {
    for (const LoadedProgram::Map& map : open_program(program_id).maps) {
      if (map.layout.type != BPF_MAP_TYPE_PROG_ARRAY) {
        continue;
      }
      for (std::uint32_t index = 0; index < map.entries; ++index) {
        std::uint32_t id = 0;
        if (bpf_map_lookup_elem(map.fd.get(), &index, &id) == 0) {
          called.push_back(id);
        }
      }
    }
  } catch (const SystemError& error) {
    if (error.code() != ENOENT && error.code() != EPERM) {
      throw;
    }
    return called;  // it has gone meanwhile, or may not be opened
  }
  return called;
}

// Whether one program may end up in another, by tail calls or in place of a function.
bool reaches(std::uint32_t from, std::uint32_t to) {
  std::set<std::uint32_t> seen{from};
  std::vector<std::uint32_t> next{from};
  while (!next.empty() && seen.size() < kProgramsFollowed) {
    const std::uint32_t program = next.back();
    next.pop_back();
    for (const std::uint32_t called : programs_called_by(program)) {
      if (called == to) {
        return true;
      }
      if (seen.insert(called).second) {
        next.push_back(called);
      }
    }
  }
  return false;
}

// The programs of a hook in the order in which packets meet them.
std::vector<std::uint32_t> programs_on_hook(const Interface& port, Hook hook, Mode mode) {
  std::vector<std::uint32_t> programs;
  if (hook == Hook::xdp) {
    const XdpPrograms xdp = query_xdp(port);
    // The kernel runs XDP in the driver or generically, not both.
    programs = mode == Mode::hw ? std::vector{xdp.hw} : std::vector{xdp.drv, xdp.skb};
  } else {
    programs = query_tcx(port.index, hook);
    for (const TcFilter& filter : list_tc_filters(port.index, hook)) {
      programs.push_back(filter.program_id);
    }
  }
  std::erase(programs, 0U);
  return programs;
}

// The program that took the place of one of ours; 0: none did.
std::uint32_t in_its_place(const Interface& port, Hook hook, const std::vector<std::uint32_t>& programs) {
  if (hook == Hook::xdp) {
    return programs.empty() ? 0 : programs.front();
  }
  return query_tc(port, hook);  // other filters and tcx programs leave its place free
}

std::string described(std::uint32_t program_id) {
  try {
    return "program '" + describe_program(program_id).name + "' (id " + std::to_string(program_id) + ")";
  } catch (const SystemError&) {
    return "program " + std::to_string(program_id);
  }
}

bool ours(std::uint32_t program_id) {
  try {
    return describe_program(program_id).identity.adoptable();
  } catch (const SystemError& error) {
    if (error.code() != ENOENT && error.code() != EPERM) {
      throw;
    }
    return false;
  }
}

// The programs that packets meet on an XDP hook before one of that hook or of a later one: those that a dispatcher
// calls, in place of the dispatcher.
std::vector<std::uint32_t> met_on_xdp(std::uint32_t on_hook, Hook hook, std::uint32_t program_id) {
  std::vector<std::uint32_t> met;
  if (on_hook != 0) {
    met = extensions_of(on_hook);
    if (met.empty() && hook != Hook::xdp) {
      met.push_back(on_hook);
    }
  }
  met.erase(std::find(met.begin(), met.end(), program_id), met.end());
  return met;
}

// A filter or program that packets meet before another one, in words, and its id; 0: it is no BPF program.
struct InFront {
  std::string text;
  std::uint32_t program_id = 0;
};

std::vector<InFront> met_before(const Interface& port, Hook hook, Mode mode, std::uint32_t program_id) {
  std::vector<InFront> found;
  const auto add = [&](const std::string& what, std::uint32_t program) {
    if (program != 0 && program != program_id && !ours(program)) {
      found.push_back({what + described(program), program});
    }
  };
  if (mode != Mode::hw && hook != Hook::tc_egress) {
    const XdpPrograms xdp = query_xdp(port);
    add("XDP on the card: ", xdp.hw);
    for (const std::uint32_t on_hook : {xdp.drv, xdp.skb}) {
      for (const std::uint32_t program : met_on_xdp(on_hook, hook, program_id)) {
        add("XDP: ", program);
      }
    }
  }
  if (hook == Hook::xdp) {
    return found;
  }
  const std::vector<std::uint32_t> tcx = query_tcx(port.index, hook);
  const auto own_tcx = std::find(tcx.begin(), tcx.end(), program_id);
  for (auto program = tcx.begin(); program != own_tcx; ++program) {
    add("tcx: ", *program);
  }
  if (own_tcx != tcx.end()) {
    return found;
  }
  for (const TcFilter& filter : list_tc_filters(port.index, hook)) {
    if (filter.program_id == program_id) {
      break;
    }
    const std::string where = "TC filter '" + filter.kind + "' of priority " + std::to_string(filter.priority);
    if (filter.program_id == 0) {
      found.push_back({where, 0});
    } else {
      add(where + ": ", filter.program_id);
    }
  }
  return found;
}

// Those of nicsentry's on the hooks of a port.
struct OwnProgram {
  Hook hook = Hook::xdp;
  Mode mode = Mode::drv;
  std::uint32_t id = 0;
};

std::vector<OwnProgram> own_programs(const Interface& port) {
  std::vector<OwnProgram> own;
  const auto add = [&own](Hook hook, Mode mode, std::uint32_t program) {
    if (program != 0 && ours(program)) {
      own.push_back({hook, mode, program});
    }
  };
  const XdpPrograms xdp = query_xdp(port);
  for (const Mode mode : {Mode::hw, Mode::drv, Mode::skb}) {
    add(Hook::xdp, mode, xdp.in(mode));
    for (const std::uint32_t called : xdp.in(mode) != 0 ? extensions_of(xdp.in(mode)) : std::vector<std::uint32_t>()) {
      add(Hook::xdp, mode, called);
    }
  }
  for (const Hook hook : {Hook::tc_ingress, Hook::tc_egress}) {
    add(hook, Mode::tc, query_tc(port, hook));
  }
  return own;
}

}  // namespace

HookState look_at_hook(const Interface& port, Hook hook, Mode mode, std::uint32_t program_id) {
  const std::vector<std::uint32_t> programs = programs_on_hook(port, hook, mode);
  if (std::find(programs.begin(), programs.end(), program_id) != programs.end()) {
    return {};
  }
  for (const std::uint32_t program : programs) {
    if (reaches(program, program_id)) {
      return {HookState::Kind::behind, program};
    }
  }
  const std::uint32_t other = in_its_place(port, hook, programs);
  if (other != 0 && is_dispatcher(other) && is_extension(program_id)) {
    return {HookState::Kind::off, 0};  // the dispatcher has room for it
  }
  return {other == 0 ? HookState::Kind::off : HookState::Kind::replaced, other};
}

std::vector<std::string> in_front_of(const Interface& port, Hook hook, Mode mode, std::uint32_t program_id) {
  std::vector<std::string> texts;
  for (InFront& one : met_before(port, hook, mode, program_id)) {
    texts.push_back(std::move(one.text));
  }
  return texts;
}

std::vector<Hook> own_hooks_behind(const Interface& port, std::uint32_t program_id) {
  std::vector<Hook> hooks;
  for (const OwnProgram& own : own_programs(port)) {
    const std::vector<InFront> met = met_before(port, own.hook, own.mode, own.id);
    if (std::any_of(met.begin(), met.end(),
                    [program_id](const InFront& one) { return one.program_id == program_id; })) {
      hooks.push_back(own.hook);
    }
  }
  return hooks;
}

}  // namespace nicsentry
