// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/log_entry.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

#include "host/base/unique_fd.h"
#include "host/cli/journal_socket.h"
#include "tests/support/output_files.h"

namespace nicsentry::log_entry_test {
namespace {

const std::set<std::string> kPorts{"eth0", "br-lan"};
constexpr TimestampNs kTime = 1'777'636'800'000'000'042;  // 2026-05-01 12:00:00 UTC
constexpr const char* kRecord =
    R"({"time_ns":1,"interface":"eth0","hook":"xdp","verdict":"drop","rule":4,"source":"192.0.2.7","bytes":60})";

}  // namespace

TEST_CASE("a message that begins with a port of the run is about it") {
  const auto interface = [](const std::string& text) { return message_entry(LogLevel::info, text, kPorts).interface; };
  CHECK(interface("eth0: mode drv") == "eth0");
  CHECK(interface("br-lan/tc-egress: the program stays") == "br-lan");
  CHECK(interface("eth1: no port of this run").empty());
  CHECK(interface("eth0 is watched already").empty());
  CHECK(interface("eth0").empty());
  CHECK(interface("reload: eth0: as a value").empty());
}

TEST_CASE("a record of a packet has the interface, the rule and the source's address as fields") {
  const LogEntry entry = packet_entry(kRecord);
  CHECK(entry.interface == "eth0");
  CHECK(entry.rule == "4");
  CHECK(entry.address == "192.0.2.7");
  CHECK(plain_line(entry) == std::string("nicsentry: info: log: ") + kRecord + "\n");
  CHECK(packet_entry("no json").interface.empty());
}

TEST_CASE("a line of JSON has time, level, message and what it is about") {
  CHECK(json_line(message_entry(LogLevel::warning, "eth0: said \"so\"", kPorts), kTime) ==
        R"({"time":"2026-05-01T12:00:00.000000042Z","level":"warning","interface":"eth0",)"
        R"("message":"eth0: said \"so\""})"
        "\n");
  const auto line = nlohmann::json::parse(json_line(packet_entry(kRecord), kTime));
  CHECK(line.at("rule") == 4);
  CHECK(line.at("address") == "192.0.2.7");
  CHECK(line.at("packet") == nlohmann::json::parse(kRecord));
}

TEST_CASE("a datagram for journald has a field a line, and a length before a value of several lines") {
  CHECK(journal_datagram(message_entry(LogLevel::error, "eth0: lost", kPorts)) ==
        "PRIORITY=3\nSYSLOG_IDENTIFIER=nicsentry\nNICSENTRY_INTERFACE=eth0\nMESSAGE=eth0: lost\n");
  const std::string length("\x07\0\0\0\0\0\0\0", 8);
  CHECK(journal_datagram(message_entry(LogLevel::info, "one\ntwo", kPorts)) ==
        "PRIORITY=6\nSYSLOG_IDENTIFIER=nicsentry\nMESSAGE\n" + length + "one\ntwo\n");
  CHECK_THAT(journal_datagram(packet_entry(kRecord)),
             Catch::Contains("\nNICSENTRY_RULE=4\nNICSENTRY_ADDRESS=192.0.2.7\nMESSAGE=log: {"));
}

TEST_CASE("standard error is the journal's where JOURNAL_STREAM names its file") {
  CHECK(names_stream("8:12345", 8, 12345));
  CHECK_FALSE(names_stream("8:12345", 8, 12346));
  CHECK_FALSE(names_stream("9:12345", 8, 12345));
  for (const char* wrong : {"", "8", "8:", ":12345", "8:12345:", "a:b"}) {
    CHECK_FALSE(names_stream(wrong, 8, 12345));
  }
}

TEST_CASE("an entry reaches journald's socket as one datagram, also after a new start of it") {
  const test::TemporaryDirectory directory;
  const std::string path = (directory.path() / "socket").string();
  const auto listen = [&path] {
    UniqueFd server(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    REQUIRE(bind(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    return server;
  };
  const auto received = [](const UniqueFd& server) {
    std::string text(4096, '\0');
    const ssize_t length = recv(server.get(), text.data(), text.size(), MSG_DONTWAIT);
    text.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
    return text;
  };
  JournalSocket journal(path);
  UniqueFd server = listen();
  const LogEntry entry = message_entry(LogLevel::info, "eth0: up", kPorts);
  journal.send(entry);
  CHECK(received(server) == journal_datagram(entry));
  std::filesystem::remove(path);
  server = listen();
  journal.send(entry);
  CHECK(received(server) == journal_datagram(entry));
}

}  // namespace nicsentry::log_entry_test
