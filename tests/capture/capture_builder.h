// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

namespace nicsentry::capture_test {

using Octets = std::vector<std::uint8_t>;

inline Octets operator+(Octets a, std::span<const std::uint8_t> b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

enum class Order { little, big };

// A number of `bytes` bytes.
inline Octets number(std::uint64_t value, std::size_t bytes, Order order) {
  Octets octets(bytes);
  for (std::size_t i = 0; i < bytes; ++i) {
    octets[order == Order::little ? i : bytes - 1 - i] = static_cast<std::uint8_t>(value >> 8 * i);
  }
  return octets;
}

inline Octets numbers32(std::initializer_list<std::uint32_t> values, Order order = Order::little) {
  Octets octets;
  for (const std::uint32_t value : values) octets = octets + number(value, 4, order);
  return octets;
}

// A directory that is removed with what is in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "capture_test.XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::filesystem::path write(const std::string& name, const Octets& bytes) const {
    std::ofstream(path / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return path / name;
  }

  std::filesystem::path path;
};

// The header of a classic file, and a packet of it.
inline Octets classic_header(std::uint32_t link_type, Order order = Order::little, std::uint32_t magic = 0xa1b2c3d4) {
  return numbers32({magic}, order) + number(2, 2, order) + number(4, 2, order) +
         numbers32({0, 0, 65535, link_type}, order);
}

inline Octets classic_packet(std::uint32_t seconds, std::uint32_t fraction, const Octets& frame,
                             Order order = Order::little) {
  const auto length = static_cast<std::uint32_t>(frame.size());
  return numbers32({seconds, fraction, length, length}, order) + frame;
}

// A block of pcapng with its two lengths.
inline Octets block(std::uint32_t type, Octets body, Order order = Order::little) {
  body.resize((body.size() + 3) / 4 * 4);
  const auto length = static_cast<std::uint32_t>(body.size() + 12);
  return numbers32({type, length}, order) + body + numbers32({length}, order);
}

inline Octets section(Order order = Order::little) {
  return block(0x0a0d0d0a, numbers32({0x1a2b3c4d}, order) + number(1, 2, order) + number(0, 2, order) + Octets(8, 0xff),
               order);
}

inline Octets interface(std::uint16_t link_type, std::uint32_t snap_length, const Octets& options = {},
                        Order order = Order::little) {
  return block(1, number(link_type, 2, order) + Octets(2) + numbers32({snap_length}, order) + options, order);
}

inline Octets option(std::uint16_t code, const Octets& value, Order order = Order::little) {
  Octets padded = value;
  padded.resize((value.size() + 3) / 4 * 4);
  return number(code, 2, order) + number(value.size(), 2, order) + padded;
}

inline Octets enhanced(std::uint32_t interface_number, std::uint64_t ticks, const Octets& frame,
                       Order order = Order::little) {
  const auto length = static_cast<std::uint32_t>(frame.size());
  return block(6,
               numbers32({interface_number, static_cast<std::uint32_t>(ticks >> 32), static_cast<std::uint32_t>(ticks),
                          length, length},
                         order) +
                   frame,
               order);
}

// An IPv4 packet of UDP.
inline Octets ipv4_packet() {
  return {0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 7, 0, 9, 0, 12, 0, 0, 1, 2, 3, 4};
}

inline Octets ipv6_packet() {
  Octets packet = {0x60, 0, 0, 0, 0, 8, 17, 64};
  return packet + Octets(32, 1) + Octets{0, 7, 0, 9, 0, 8, 0, 0};
}

inline Octets ethernet_frame(std::uint16_t type, const Octets& payload) {
  return Octets(12, 2) + number(type, 2, Order::big) + payload;
}

}  // namespace nicsentry::capture_test
