// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/extensions.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "host/base/unique_fd.h"

namespace nicsentry {
namespace {

struct Extension {
  std::uint32_t function = 0;  // type number of the function; they are numbered in the order of the source
  std::uint32_t program_id = 0;
};

// Nothing for a link of another kind, or one to another program.
std::optional<Extension> read_extension(std::uint32_t link, std::uint32_t target) {
  const UniqueFd fd(bpf_link_get_fd_by_id(link));
  bpf_link_info info{};
  __u32 length = sizeof(info);
  if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0 || info.type != BPF_LINK_TYPE_TRACING ||
      info.tracing.target_obj_id != target) {
    return std::nullopt;
  }
  return Extension{info.tracing.target_btf_id, info.prog_id};
}

}  // namespace

bool is_extension(std::uint32_t program_id) {
  const UniqueFd fd(bpf_prog_get_fd_by_id(program_id));
  bpf_prog_info info{};
  __u32 length = sizeof(info);
  return fd && bpf_obj_get_info_by_fd(fd.get(), &info, &length) == 0 && info.type == BPF_PROG_TYPE_EXT;
}

std::vector<std::uint32_t> extensions_of(std::uint32_t program_id) {
  std::vector<Extension> found;
  std::uint32_t link = 0;
  while (bpf_link_get_next_id(link, &link) == 0) {
    // fentry and fexit are links of the same type; the number of a kernel's BTF may equal that of a program.
    if (const auto extension = read_extension(link, program_id); extension && is_extension(extension->program_id)) {
      found.push_back(*extension);
    }
  }
  std::sort(found.begin(), found.end(),
            [](const Extension& one, const Extension& other) { return one.function < other.function; });
  std::vector<std::uint32_t> programs;
  programs.reserve(found.size());
  for (const Extension& extension : found) {
    programs.push_back(extension.program_id);
  }
  return programs;
}

}  // namespace nicsentry
