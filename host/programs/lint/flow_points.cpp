// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/flow_points.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>

#include "host/programs/lint/kernel_refusal.h"

namespace nicsentry::lint {
namespace {

std::size_t target_of(const std::vector<Instruction>& program, std::size_t at) {
  const std::int64_t distance = is_call(program[at]) ? program[at].imm : program[at].off;
  const std::int64_t target = static_cast<std::int64_t>(at) + 1 + distance;
  if (target < 0 || target >= static_cast<std::int64_t>(program.size())) {
    throw KernelRefusal{at, "jump out of range from insn " + std::to_string(at) + " to " + std::to_string(target)};
  }
  return static_cast<std::size_t>(target);
}

void check_functions(const std::vector<Instruction>& program, const std::vector<std::size_t>& starts) {
  for (std::size_t function = 0; function < starts.size(); ++function) {
    const std::size_t end = function + 1 < starts.size() ? starts[function + 1] : program.size();
    for (std::size_t at = starts[function]; at < end; ++at) {
      if (!is_conditional_jump(program[at]) && !is_plain_jump(program[at])) {
        continue;
      }
      const std::size_t target = target_of(program, at);
      if (target < starts[function] || target >= end) {
        throw KernelRefusal{at, "jump out of range from insn " + std::to_string(at) + " to " + std::to_string(target)};
      }
    }
    if (!is_exit(program[end - 1]) && !is_plain_jump(program[end - 1])) {
      throw KernelRefusal{end - 1, "last insn is not an exit or jmp"};
    }
  }
}

struct Edge {
  std::size_t to;
  bool may_loop;
};

std::vector<Edge> edges_from(const std::vector<Instruction>& program, std::size_t at) {
  const Instruction& instruction = program[at];
  if (is_exit(instruction)) {
    return {};
  }
  if (is_plain_jump(instruction)) {
    return {{target_of(program, at), true}};
  }
  if (is_conditional_jump(instruction)) {
    return {{at + 1, true}, {target_of(program, at), true}};
  }
  const std::size_t next = at + (is_wide_constant(instruction) ? 2 : 1);
  if (is_function_call(instruction)) {
    return {{next, false}, {target_of(program, at), false}};
  }
  return {{next, false}};
}

void check_reachable(const std::vector<Instruction>& program) {
  enum class Mark : std::uint8_t { unseen, open, done };
  std::vector<Mark> marks(program.size(), Mark::unseen);
  std::vector<std::pair<std::size_t, std::size_t>> path{{0, 0}};  // instruction, edges followed
  marks[0] = Mark::open;
  while (!path.empty()) {
    const std::size_t at = path.back().first;
    const std::vector<Edge> edges = edges_from(program, at);
    if (path.back().second == edges.size()) {
      marks[at] = Mark::done;
      path.pop_back();
      continue;
    }
    const Edge edge = edges[path.back().second++];
    if (edge.to >= program.size()) {
      throw KernelRefusal{at, "jump out of range from insn " + std::to_string(at) + " to " + std::to_string(edge.to)};
    }
    if (marks[edge.to] == Mark::open && !edge.may_loop) {
      throw KernelRefusal{at, "back-edge from insn " + std::to_string(at) + " to " + std::to_string(edge.to)};
    }
    if (marks[edge.to] == Mark::unseen) {
      marks[edge.to] = Mark::open;
      path.emplace_back(edge.to, 0);
    }
  }
  for (std::size_t at = 0; at < program.size(); ++at) {
    if (marks[at] != Mark::done) {
      throw KernelRefusal{at, "unreachable insn " + std::to_string(at)};
    }
    if (is_wide_constant(program[at])) {
      if (at + 1 < program.size() && marks[at + 1] != Mark::unseen) {
        throw KernelRefusal{at, "jump into the middle of ldimm64 insn " + std::to_string(at)};
      }
      ++at;
    }
  }
}

}  // namespace

std::vector<std::size_t> find_function_starts(const std::vector<Instruction>& program) {
  std::set<std::size_t> starts{0};
  for (std::size_t at = 0; at < program.size(); ++at) {
    if (is_function_call(program[at])) {
      starts.insert(target_of(program, at));
    }
  }
  return {starts.begin(), starts.end()};
}

FlowPoints find_flow_points(const std::vector<Instruction>& program, const std::vector<std::size_t>& function_starts) {
  check_functions(program, function_starts);
  check_reachable(program);
  FlowPoints points{std::vector<bool>(program.size()), std::vector<bool>(program.size())};
  const auto mark = [&points](std::size_t at) { points.compare[at] = points.jump[at] = true; };
  for (std::size_t at = 0; at < program.size(); at += is_wide_constant(program[at]) ? 2 : 1) {
    const Instruction& instruction = program[at];
    if (is_plain_jump(instruction)) {
      mark(target_of(program, at));
    } else if (is_conditional_jump(instruction)) {
      points.compare[at] = true;
      mark(target_of(program, at));
    } else if (is_call(instruction)) {
      mark(at + 1);
      if (is_function_call(instruction)) {
        points.compare[at] = true;
        mark(target_of(program, at));
      }
    }
  }
  return points;
}

}  // namespace nicsentry::lint
