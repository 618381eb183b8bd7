// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace nicsentry {

// The version of the library that is loaded: "1.1".
std::string libbpf_version();

// Collects what libbpf (and through it the kernel's verifier) says on this thread while the object lives, so that an
// error can carry it, instead of letting it go to stderr. At most one lives on a thread.
class LibbpfMessages {
 public:
  LibbpfMessages();
  ~LibbpfMessages();
  LibbpfMessages(const LibbpfMessages&) = delete;
  LibbpfMessages& operator=(const LibbpfMessages&) = delete;

  // The last lines, each after a line break and two blanks; empty when nothing was said.
  std::string detail() const;
  // Whether something was said that has `text` in it.
  bool contain(const std::string& text) const;
};

}  // namespace nicsentry
