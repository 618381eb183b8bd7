// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>
#include <vector>

namespace nicsentry {

struct PageFile {
  std::string_view name;
  std::string_view content;
};

// The page's files, in the program itself.
std::vector<PageFile> page_files();

}  // namespace nicsentry
