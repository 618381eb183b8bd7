// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/libbpf_messages.h"

#include <bpf/libbpf.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <sstream>
#include <vector>

namespace nicsentry {
namespace {

constexpr std::size_t kLinesInError = 12;

thread_local std::string collected;

int collect(enum libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG) {
    return 0;
  }
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, arguments);
  if (length > 0) {
    std::vector<char> text(static_cast<std::size_t>(length) + 1);
    std::vsnprintf(text.data(), text.size(), format, again);  // NOLINT(clang-analyzer-valist.Uninitialized)
    collected.append(text.data(), static_cast<std::size_t>(length));
  }
  va_end(again);
  return length;
}

}  // namespace

std::string libbpf_version() {
  const std::string text = libbpf_version_string();  // "v1.1"
  return text.starts_with('v') ? text.substr(1) : text;
}

LibbpfMessages::LibbpfMessages() {
  collected.clear();
  libbpf_set_print(collect);
}

LibbpfMessages::~LibbpfMessages() { collected.clear(); }

std::string LibbpfMessages::detail() const {
  std::vector<std::string> lines;
  std::istringstream stream(collected);
  for (std::string line; std::getline(stream, line);) {
    const bool btf_is_optional = line.find("BTF") != std::string::npos && line.find("etrying") != std::string::npos;
    // libxdp's, .xdp_run_config
    const bool other_section = line.find("skipping unrecognized data section") != std::string::npos;
    if (!line.empty() && !btf_is_optional && !other_section) {
      lines.push_back(line);
    }
  }
  std::string text;
  const std::size_t first = lines.size() > kLinesInError ? lines.size() - kLinesInError : 0;
  for (std::size_t i = first; i < lines.size(); ++i) {
    text += "\n  " + lines[i];
  }
  return text;
}

bool LibbpfMessages::contain(const std::string& text) const { return collected.find(text) != std::string::npos; }

}  // namespace nicsentry
