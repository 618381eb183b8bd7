// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/export/files/service_names.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <array>

namespace nicsentry {
namespace {

constexpr std::size_t kEntryBytes = 4096;  // aliases, too

std::string look_up(Protocol protocol, std::uint16_t port) {
  const char* family = protocol == Protocol::tcp ? "tcp" : "udp";
  servent entry{};
  servent* found = nullptr;
  std::array<char, kEntryBytes> buffer{};
  if (getservbyport_r(htons(port), family, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
    return std::to_string(port);
  }
  std::string name = found->s_name;
  const bool printable =
      !name.empty() && std::all_of(name.begin(), name.end(), [](char letter) { return letter > ' ' && letter <= '~'; });
  return printable ? name : std::to_string(port);
}

}  // namespace

const std::string& ServiceNames::of(Protocol protocol, std::uint16_t port) {
  const auto [place, is_new] = known_.try_emplace({protocol, port});
  if (is_new) {
    place->second = look_up(protocol, port);
  }
  return place->second;
}

}  // namespace nicsentry
