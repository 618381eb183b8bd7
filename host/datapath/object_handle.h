// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <bpf/libbpf.h>
#include <fcntl.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "host/base/unique_fd.h"

namespace nicsentry {

// An opened object, for files of this folder; what is to outlive it is duplicated.

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using ObjectHandle = std::unique_ptr<bpf_object, CloseObject>;

// libbpf pins maps that ask for it (LIBBPF_PIN_BY_NAME) while it loads an object, and whoever loads it only to ask the
// verifier would leave them. Returns which asked.
inline std::vector<std::string> make_no_pins(bpf_object* object) {
  std::vector<std::string> asked;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (bpf_map__pin_path(map) != nullptr) {
      asked.emplace_back(bpf_map__name(map));
      bpf_map__set_pin_path(map, nullptr);
    }
  }
  return asked;
}

// A program and its maps are the card's from then on; events go to the host's own array, whose place the driver knows.
inline void bind_to_card(bpf_object* object, bpf_program* program, int port) {
  bpf_program__set_ifindex(program, static_cast<__u32>(port));
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (bpf_map__type(map) != BPF_MAP_TYPE_PERF_EVENT_ARRAY) {
      bpf_map__set_ifindex(map, static_cast<__u32>(port));
    }
  }
}

inline UniqueFd duplicate(int fd) {
  UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy) {
    throw SystemError(errno, "duplicating a descriptor");
  }
  return copy;
}

}  // namespace nicsentry
