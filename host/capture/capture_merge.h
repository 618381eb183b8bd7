// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "host/capture/capture_file.h"

namespace nicsentry {

// Packets that are older than one that came before them.
struct OutOfOrder {
  std::uint64_t packets = 0;
  std::string first;  // where the first one is, and by how much it is older; in words
};

// Merges several captures in order of time. With equal times, the frame of the file named first comes first. A file
// whose own times go back keeps its order. Of many files only those are open whose first packet's time has come.
class CaptureMerge {
 public:
  // `names`: see list_captures(). A file that cannot be read is left out, see failures(). Throws Error if standard
  // input is named twice.
  explicit CaptureMerge(const std::vector<std::filesystem::path>& names, Tunnels tunnels = Tunnels::kept);

  bool next(CapturedFrame& frame);

  // Why files were not read, or not to their ends; in the order of the files. Complete when next() has returned false.
  std::vector<std::string> failures() const;
  const OutOfOrder& out_of_order() const { return out_of_order_; }

  std::uint64_t bytes_read() const;
  std::uint64_t bytes_in_all() const;  // 0: not known

 private:
  struct Source {
    std::filesystem::path path;
    std::unique_ptr<CaptureFile> file;  // none: not opened yet, or at its end
    CapturedFrame frame;                // the next one, if `file` is open
    std::uint64_t bytes_in_all = 0;     // of the file itself
    std::uint64_t bytes_read = 0;       // of a file at its end
    std::string failure;
  };
  using Turn = std::pair<TimestampNs, std::size_t>;  // of the source's next frame; the source

  void open_first(Source& source);
  bool advance(Source& source);
  void end(Source& source);
  void note_order(const Source& source);

  Tunnels tunnels_;
  std::vector<std::string> list_failures_;
  std::vector<Source> sources_;
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> turns_;
  Source* given_ = nullptr;  // its frame was returned
  TimestampNs latest_ns_ = 0;
  OutOfOrder out_of_order_;
};

}  // namespace nicsentry
