// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/object_file.h"

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "host/base/error.h"

namespace nicsentry {

Target target_of(Mode mode, LinkHeader link) {
  switch (mode) {
    case Mode::hw:
      return Target::card;
    case Mode::tc:
      return link == LinkHeader::none ? Target::raw_ip : Target::tc;
    default:
      return Target::xdp;
  }
}

std::filesystem::path find_object(std::string_view program, Target target) {
  constexpr std::array kEndings = {".o", "_drv.o", "_tc.o", "_rawip.o", "_vlan.o"};
  const std::string file = std::string(program) + kEndings.at(static_cast<std::size_t>(target));
  std::vector<std::filesystem::path> places;
  if (const char* chosen = std::getenv("NICSENTRY_BPF_DIR"); chosen != nullptr) {
    places.emplace_back(chosen);
  } else {
    std::error_code ignored;
    places.push_back(std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / "bpf_offload");
    places.emplace_back(NICSENTRY_INSTALLED_BPF_DIR);
  }
  std::string tried;
  for (const auto& place : places) {
    if (std::filesystem::exists(place / file)) {
      return place / file;
    }
    tried += (tried.empty() ? "" : ", ") + place.string();
  }
  throw Error("object " + file + " not found in " + tried);
}

}  // namespace nicsentry
