// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <bpf/libbpf.h>
#include <fcntl.h>

#include <cerrno>
#include <memory>

#include "host/base/error.h"
#include "host/base/unique_fd.h"

namespace nicsentry {

// An opened object, for files of this folder; what is to outlive it is duplicated.

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using ObjectHandle = std::unique_ptr<bpf_object, CloseObject>;

inline UniqueFd duplicate(int fd) {
  UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy) {
    throw SystemError(errno, "duplicating a descriptor");
  }
  return copy;
}

}  // namespace nicsentry
