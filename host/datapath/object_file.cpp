// SPDX-License-Identifier: GPL-2.0-only
#include "host/datapath/object_file.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "host/error.h"

namespace nicsentry {

const char* program_name(Profile profile) {
  switch (profile) {
    case Profile::ddos:
      return "ddos";
    case Profile::crypto:
      return "crypto";
    case Profile::all:
      return "sentry";
  }
  return "";
}

std::filesystem::path find_object(Profile profile, Hook hook) {
  const std::string file = std::string(program_name(profile)) + (hook == Hook::xdp ? ".o" : "_tc.o");
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
