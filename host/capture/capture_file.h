// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "host/capture/byte_reader.h"
#include "host/capture/record.h"
#include "host/packet/features.h"

namespace nicsentry {

// A frame of a capture as an Ethernet frame. Frames of other link types get a generated Ethernet header.
struct CapturedFrame {
  TimestampNs timestamp_ns = 0;
  std::uint32_t wire_bytes = 0;         // length on the wire, Ethernet header included; at least bytes.size()
  std::span<const std::uint8_t> bytes;  // the first captured bytes; valid until the next frame is read
};

// Whether PPPoE and MPLS headers in front of IP are taken out of the frames.
enum class Tunnels : std::uint8_t { kept, stepped_over };

// Reads a pcap or pcapng file frame by frame, compressed or not. Not for several threads at once.
class CaptureFile {
 public:
  // Throws Error if the file cannot be opened or is not a capture.
  explicit CaptureFile(const std::filesystem::path& path, Tunnels tunnels = Tunnels::kept);

  // Returns false at the end, and where the file is damaged; damage() then returns the place.
  bool next(CapturedFrame& frame);
  // Empty, or why not all of the file was read. Complete when next() has returned false.
  const std::string& damage() const { return damage_; }
  // How many packets were read.
  std::uint64_t packets() const { return packets_; }

  std::uint64_t bytes_read() const { return bytes_->file_position(); }

 private:
  void open();
  bool next_known(CaptureRecord& record);
  CapturedFrame as_ethernet(const CaptureRecord& record);
  CapturedFrame without_tunnel(const CapturedFrame& frame);
  void stop(const std::string& reason);
  void report_unread();

  std::string name_;
  Tunnels tunnels_;
  std::unique_ptr<ByteReader> bytes_;
  std::unique_ptr<RecordReader> records_;
  std::vector<std::uint8_t> rebuilt_;
  std::map<std::uint32_t, std::uint64_t> unread_;  // packets by unknown link type
  std::uint64_t packets_ = 0;
  bool ended_ = false;
  std::string damage_;
};

// How messages and reports call a capture: "stdin" for standard input.
std::string capture_name(const std::filesystem::path& path);

}  // namespace nicsentry
