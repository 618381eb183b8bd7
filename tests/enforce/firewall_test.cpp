// SPDX-License-Identifier: GPL-2.0-or-later
// The firewall's controller over the compiled program and its maps in the kernel: what packets meet after each change.
#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "host/analysis/monitor.h"
#include "host/base/unique_fd.h"
#include "host/base/wall_clock.h"
#include "host/datapath/object_file.h"
#include "host/datapath/test_run.h"
#include "host/enforce/firewall.h"
#include "host/enforce/firewall_log.h"
#include "host/rules/language/address_text.h"
#include "host/rules/language/batch.h"
#include "host/rules/language/ruleset.h"
#include "host/sessions/session_table.h"
#include "tests/support/packet_builder.h"
#include "tests/support/program_pool.h"

namespace nicsentry::firewall_test {
using nlohmann::json;
using testing::Bytes;
using testing::PacketBuilder;

namespace {

constexpr FirewallSize kSmall{2 * 16384, 6 * 2048, 1024};
constexpr TableSize kSessions{64, 6};

Program load_program() {
  return testing::pooled_program({.object = find_object(kSentry, Target::xdp), .size = kSessions, .firewall = kSmall});
}

Bytes udp(const std::string& source, std::uint16_t port) {
  return PacketBuilder()
      .addresses(parse_address_range(source).first, parse_address_range("192.0.2.1").first)
      .udp(40000, port)
      .build();
}

constexpr TimestampNs kNow = 1'700'000'000'000'000'000;

TimestampNs after(std::chrono::nanoseconds time) { return kNow + time.count(); }

Batch batch(const std::vector<json>& operations) { return parse_batch({{"rules", operations}}, kNow); }
json append(json rule) {
  rule["operation"] = "append";
  return rule;
}

std::vector<SetEntry> entries(const std::vector<std::string>& texts, std::optional<TimestampNs> end = std::nullopt) {
  std::vector<SetEntry> entries;
  for (const std::string& text : texts) {
    entries.push_back({parse_address_range(text), end});
  }
  return entries;
}

class Directory {
 public:
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "firewall_test.XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Directory() { std::filesystem::remove_all(path); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  std::filesystem::path path;
};

// While it lives, writes to the maps of this name fail, whoever has them open in this process.
class BrokenMap {
 public:
  explicit BrokenMap(const std::string& name) {
    const UniqueFd nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
    std::vector<int> fds;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      const int fd = std::stoi(entry.path().filename().string());
      bpf_map_info info{};
      __u32 length = sizeof(info);
      if (bpf_obj_get_info_by_fd(fd, &info, &length) == 0 && info.name == name) {
        fds.push_back(fd);
      }
    }
    for (const int fd : fds) {
      saved_.emplace_back(fd, UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0)));
      REQUIRE(dup3(nothing.get(), fd, O_CLOEXEC) == fd);
    }
    REQUIRE_FALSE(saved_.empty());
  }
  ~BrokenMap() {
    for (const auto& [fd, saved] : saved_) {
      dup3(saved.get(), fd, O_CLOEXEC);
    }
  }
  BrokenMap(const BrokenMap&) = delete;
  BrokenMap& operator=(const BrokenMap&) = delete;

 private:
  std::vector<std::pair<int, UniqueFd>> saved_;
};

// A firewall over one program, with a clock that stands still.
class Port {
 public:
  explicit Port(std::optional<std::filesystem::path> state = std::nullopt, TimestampNs start = kNow)
      : program(load_program()), now(start), test_run_(program), firewall(options(std::move(state))) {
    firewall.add_attachment(program.shared_firewall(), Chain::ingress);
  }

  bool passes(const std::string& source, std::uint16_t port = 53) {
    return test_run_.run(udp(source, port)) == XDP_PASS;
  }
  Firewall::Options options(std::optional<std::filesystem::path> state) {
    Firewall::Options options{kSmall, std::move(state), [this](const std::string& text) { warnings.push_back(text); }};
    options.now = [this] { return now.load(); };
    options.read_counters = [this](const FirewallMaps& maps, std::span<const std::uint32_t> ids) {
      if (const auto act = take_hook()) {
        act();
      }
      return maps.read_counters(ids);
    };
    return options;
  }
  Firewall::ChainView view() const { return firewall.view(Chain::ingress); }

  Program program;
  std::vector<std::string> warnings;
  std::atomic<TimestampNs> now;
  // Called once, before counters are read the next time.
  void before_reading(std::function<void()> act) {
    const std::lock_guard lock(hook_mutex_);
    hook_ = std::move(act);
  }

 private:
  std::function<void()> take_hook() {
    const std::lock_guard lock(hook_mutex_);
    return std::exchange(hook_, nullptr);
  }

  std::mutex hook_mutex_;
  std::function<void()> hook_;
  TestRun test_run_;

 public:
  Firewall firewall;
};

}  // namespace

TEST_CASE("a firewall without rules passes everything, a batch and a default are in force when they return") {
  Port port;
  CHECK(port.passes("10.0.0.1"));
  CHECK(port.firewall
            .apply(Chain::ingress, batch({append({{"src", "10.0.0.0/24"}, {"action", "drop"}}),
                                          append({{"dport", "53"}, {"action", "accept"}})}))
            .rules == 2);
  CHECK_FALSE(port.passes("10.0.0.1"));
  CHECK(port.passes("10.0.1.1"));
  port.firewall.set_default(Chain::ingress, RuleAction::drop);
  CHECK_FALSE(port.passes("10.0.1.1", 80));
  CHECK(port.passes("10.0.1.1"));
  for (int i = 0; i < 5; ++i) {  // bank after bank
    port.firewall.apply(Chain::ingress, batch({{{"operation", "delete"}, {"id", 0}}}));
    CHECK(port.passes("10.0.0.1"));
    port.firewall.apply(Chain::ingress,
                        batch({{{"operation", "insert"}, {"id", 0}, {"src", "10.0.0.1"}, {"action", "drop"}}}));
    CHECK_FALSE(port.passes("10.0.0.1"));
  }
  CHECK(port.warnings.empty());
}

TEST_CASE("a rule's counters stay when others change, begin at 0 with a new action, and can be reset") {
  Port port;
  port.firewall.apply(Chain::ingress, batch({append({{"src", "10.0.0.1"}, {"action", "drop"}})}));
  for (int i = 0; i < 3; ++i) {
    port.passes("10.0.0.1");
  }
  CHECK(port.view().counts.at(0).packets == 3);
  CHECK(port.view().counts.at(0).bytes == 3 * 28);
  port.firewall.apply(Chain::ingress,
                      batch({{{"operation", "insert"}, {"id", 0}, {"src", "10.0.0.9"}, {"action", "accept"}}}));
  port.passes("10.0.0.1");
  port.passes("10.0.0.9");
  CHECK(port.view().counts.at(0).packets == 1);
  CHECK(port.view().counts.at(1).packets == 4);
  CHECK(port.view().dropped.packets == 4);
  port.firewall.apply(Chain::ingress,
                      batch({{{"operation", "update"}, {"id", 1}, {"src", "10.0.0.1"}, {"action", "accept"}}}));
  CHECK(port.view().counts.at(1).packets == 0);
  port.passes("10.0.0.1");
  CHECK(port.view().counts.at(1).packets == 1);
  port.passes("10.9.9.9");
  CHECK(port.view().by_default.packets == 1);
  port.firewall.reset_counters();
  CHECK(port.view().counts.at(0).packets == 0);
  CHECK(port.view().by_default.packets == 0);
  CHECK(port.view().dropped.packets == 0);
}

TEST_CASE("a ruleset is in force with the content of its sets when it is loaded, and rules that stay go on counting") {
  Port port;
  const auto load = [&port](const std::string& text) {
    port.firewall.load(parse_ruleset(json::parse(text), Chain::ingress, kNow));
  };
  load(
      R"({"rules": [{"src": "@bad"}, {"dport": 53, "action": "count"}], "sets": {"bad": ["10.0.0.1", "10.1.0.0/16"]}})");
  CHECK_FALSE(port.passes("10.0.0.1"));
  CHECK_FALSE(port.passes("10.1.2.3"));
  CHECK(port.passes("10.0.0.2"));
  for (int i = 0; i < 3; ++i) {  // bank after bank, set after set
    const std::string address = "10.0.0." + std::to_string(2 + i);
    load(R"({"rules": [{"dport": 54}, {"src": "@bad"}, {"dport": 53, "action": "count"}], "sets": {"bad": [")" +
         address + "\"]}}");
    CHECK_FALSE(port.passes(address));
    CHECK(port.passes("10.0.0.1"));
    CHECK(port.passes("10.1.2.3"));
    CHECK_FALSE(port.passes("10.0.0.1", 54));
  }
  CHECK(port.view().counts.at(0).packets == 3);
  CHECK(port.view().counts.at(1).packets == 5);
  CHECK(port.view().counts.at(2).packets == 7);
  load(R"({"sets": {"bad": ["10.0.0.9"]}})");  // of a chain that it does not name
  CHECK_FALSE(port.passes("10.0.0.9"));
  CHECK(port.passes("10.0.0.4"));
  CHECK(port.view().counts.at(1).packets == 6);
  load(R"({"rules": []})");
  CHECK(port.passes("10.0.0.9"));
  CHECK(port.warnings.empty());
}

TEST_CASE("a batch with an error leaves the old rules in force and in the accounting") {
  Port port;
  port.firewall.apply(Chain::ingress, batch({append({{"src", "10.0.0.1"}, {"action", "drop"}})}));
  CHECK_THROWS_AS(port.firewall.apply(Chain::ingress, batch({{{"operation", "delete"}, {"id", 0}},
                                                             append({{"src", "10.0.0.300"}, {"action", "drop"}})})),
                  BatchError);
  CHECK_FALSE(port.passes("10.0.0.1"));
  CHECK(port.view().chain.rules.size() == 1);
  CHECK(port.view().counts.at(0).packets == 1);
}

TEST_CASE("entries of a set are in force as soon as they are added or removed, alone and in rules") {
  Port port;
  CHECK(port.firewall.add_to_set("blocked", entries({"10.0.0.1", "10.1.0.0/16", "10.0.0.1"})).changed == 2);
  CHECK_FALSE(port.passes("10.0.0.1"));
  CHECK_FALSE(port.passes("10.1.2.3"));
  CHECK(port.passes("10.0.0.2"));
  CHECK(port.view().blocked.packets == 2);
  CHECK(port.firewall.take_from_set("blocked", std::vector{parse_address_range("10.0.0.1")}).changed == 1);
  CHECK(port.passes("10.0.0.1"));
  CHECK_FALSE(port.passes("10.1.2.3"));

  port.firewall.add_to_set("friends", entries({"10.2.0.1"}));
  port.firewall.apply(Chain::ingress, batch({append({{"src", "@friends"}, {"action", "accept"}})}));
  port.firewall.set_default(Chain::ingress, RuleAction::drop);
  CHECK(port.passes("10.2.0.1"));
  CHECK_FALSE(port.passes("10.2.0.2"));
  port.firewall.add_to_set("friends", entries({"10.2.0.0/24"}));
  CHECK(port.passes("10.2.0.2"));
  port.firewall.add_to_set("blocked", entries({"10.2.0.2"}));  // a class of addresses that is new to the rules
  CHECK_FALSE(port.passes("10.2.0.2"));
  CHECK_THROWS_AS(port.firewall.remove_set("friends"), Conflict);
  CHECK_THROWS_AS(port.firewall.remove_set("blocked"), Conflict);
  CHECK_THROWS_AS(port.firewall.remove_set("nobody"), NotFound);
  CHECK_THROWS_AS(port.firewall.take_from_set("nobody", std::vector{parse_address_range("10.0.0.1")}), NotFound);
  CHECK_THROWS_AS(port.firewall.entries("nobody"), NotFound);
  CHECK_THROWS_AS(port.firewall.add_to_set("no/name", entries({"10.2.0.1"})), BadRequest);
  CHECK(port.firewall.replace_set("friends", entries({"10.3.0.1"})) == 1);
  CHECK(port.passes("10.3.0.1"));
  CHECK_FALSE(port.passes("10.2.0.1"));
  port.firewall.apply(Chain::ingress, batch({{{"operation", "delete"}, {"id", 0}}}));
  port.firewall.remove_set("friends");
  CHECK(port.firewall.sets().size() == 2);
}

TEST_CASE("the later end of an entry holds; what was there is said") {
  Port port;
  const TimestampNs minute = after(std::chrono::minutes(1));
  const TimestampNs hour = after(std::chrono::hours(1));
  const auto end_of = [&port](const std::string& address) {
    for (const SetEntry& entry : port.firewall.entries("blocked")) {
      if (entry.range.text() == address) {
        return entry.expires_ns;
      }
    }
    FAIL(address << " is no entry");
    return std::optional<TimestampNs>();
  };
  port.firewall.block(entries({"10.0.0.1"}));
  port.firewall.block(entries({"10.0.0.2"}, hour));
  const Enforcement::Added shorter = port.firewall.block(entries({"10.0.0.1", "10.0.0.2", "10.0.0.3"}, minute));
  CHECK(shorter.changed == 1);
  CHECK(shorter.renewed == 0);
  CHECK(shorter.outlasting == 2);
  CHECK(shorter.longer == std::vector{entries({"10.0.0.1"}).front(), entries({"10.0.0.2"}, hour).front()});
  CHECK(end_of("10.0.0.1") == std::nullopt);
  CHECK(end_of("10.0.0.2") == hour);
  CHECK(end_of("10.0.0.3") == minute);

  const Enforcement::Added longer = port.firewall.block(entries({"10.0.0.3"}, hour));
  CHECK(longer.changed == 0);
  CHECK(longer.renewed == 1);
  CHECK(longer.former == entries({"10.0.0.3"}, minute));
  CHECK(end_of("10.0.0.3") == hour);
  CHECK(port.firewall.block(entries({"10.0.0.3"}, hour)).renewed == 0);

  ChangeTerms shorten;
  shorten.shorten = true;
  const Enforcement::Added shortened = port.firewall.add_to_set("blocked", entries({"10.0.0.1"}, minute), shorten);
  CHECK(shortened.renewed == 1);
  CHECK(shortened.former == entries({"10.0.0.1"}));
  CHECK(end_of("10.0.0.1") == minute);

  std::vector<SetEntry> twice = entries({"10.0.0.4"}, hour);
  twice.push_back(entries({"10.0.0.4"}, minute).front());
  CHECK(port.firewall.block(twice).changed == 1);
  CHECK(end_of("10.0.0.4") == hour);

  std::vector<std::string> many;
  for (int i = 0; i < 30; ++i) {
    many.push_back("10.1.0." + std::to_string(i));
  }
  port.firewall.block(entries(many));
  const Enforcement::Added named = port.firewall.block(entries(many, minute));
  CHECK(named.outlasting == 30);
  CHECK(named.longer.size() == 20);
}

TEST_CASE("of new entries it is told which the set covers already, and which cover others") {
  Port port;
  const auto none = port.firewall.block(entries({"10.0.0.7", "10.1.0.0/16"}));
  CHECK(none.covered.empty());
  CHECK(none.narrower.empty());
  const auto some = port.firewall.block(entries({"10.0.0.0/24", "10.1.2.3", "10.1.0.0/16"}));
  CHECK(some.changed == 2);
  REQUIRE(some.covered.size() == 1);
  CHECK(some.covered[0] == std::pair{parse_address_range("10.1.2.3"), parse_address_range("10.1.0.0/16")});
  REQUIRE(some.narrower.size() == 1);
  CHECK(some.narrower[0] == std::pair{parse_address_range("10.0.0.0/24"), std::size_t{1}});
}

TEST_CASE("an address in the set `allowed` is not blocked, but rules judge it") {
  Port port;
  port.firewall.block(entries({"10.0.0.0/24"}));
  CHECK_FALSE(port.passes("10.0.0.7"));
  port.firewall.add_to_set("allowed", entries({"10.0.0.7"}));
  CHECK(port.passes("10.0.0.7"));
  CHECK_FALSE(port.passes("10.0.0.8"));
  CHECK_FALSE(static_cast<const Enforcement&>(port.firewall).blocked(parse_address_range("10.0.0.7").first));
  CHECK(port.firewall.block(entries({"10.0.0.7", "10.0.0.9"})).exempt == std::vector{parse_address_range("10.0.0.7")});
  CHECK(port.passes("10.0.0.7"));
  port.firewall.apply(Chain::ingress, batch({append({{"src", "10.0.0.7"}, {"action", "drop"}})}));
  CHECK_FALSE(port.passes("10.0.0.7"));
}

TEST_CASE("a set that packets are judged by is not emptied by an empty list, unless that is asked for") {
  Port port;
  port.firewall.add_to_set("bad", entries({"10.0.0.1"}));
  CHECK(port.firewall.replace_set("bad", {}) == 0);  // no rule names it
  CHECK(port.firewall.replace_set("bad", {}) == 0);
  port.firewall.add_to_set("bad", entries({"10.0.0.1"}));
  port.firewall.apply(Chain::ingress, batch({append({{"src", "@bad"}, {"action", "drop"}})}));
  port.firewall.block(entries({"10.0.0.2"}));
  CHECK_THROWS_WITH(port.firewall.replace_set("bad", {}), Catch::Contains("a rule names it"));
  CHECK_THROWS_AS(port.firewall.replace_set("blocked", {}), Conflict);
  CHECK_FALSE(port.passes("10.0.0.1"));
  CHECK_FALSE(port.passes("10.0.0.2"));
  ChangeTerms empty;
  empty.allow_empty = true;
  CHECK(port.firewall.replace_set("bad", {}, empty) == 0);
  CHECK(port.passes("10.0.0.1"));
}

TEST_CASE("rules and entries end by themselves when their time is over") {
  Port port;
  port.firewall.apply(Chain::ingress, batch({append({{"src", "10.0.0.1"}, {"action", "drop"}, {"expires", "400s"}}),
                                             append({{"src", "10.0.0.2"}, {"action", "drop"}})}));
  port.firewall.add_to_set("blocked", entries({"10.0.0.3"}, after(std::chrono::seconds(400))));
  port.firewall.add_to_set("blocked", entries({"10.0.0.4"}));
  for (const char* source : {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"}) {
    CHECK_FALSE(port.passes(source));
  }
  port.now = after(std::chrono::seconds(400)) - 1;
  port.firewall.wake_expiry();
  port.firewall.expire(port.now);
  CHECK(port.view().chain.rules.size() == 2);
  CHECK(port.firewall.entries("blocked").size() == 2);
  port.now = after(std::chrono::seconds(400));
  port.firewall.wake_expiry();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while ((port.view().chain.rules.size() != 1 || port.firewall.entries("blocked").size() != 1) &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(port.passes("10.0.0.1"));
  CHECK_FALSE(port.passes("10.0.0.2"));
  CHECK(port.passes("10.0.0.3"));
  CHECK_FALSE(port.passes("10.0.0.4"));
  CHECK(port.view().counts.at(0).packets == 2);
}

TEST_CASE("a change of a set whose last line is missing in the journal is not there at all") {
  const Directory directory;
  {
    Port port(directory.path);
    port.firewall.add_to_set("list", entries({"10.1.0.1"}));
    port.firewall.add_to_set("list", entries({"10.1.0.2", "10.1.0.3"}));
  }
  const auto journal = directory.path / "sets" / "list.1.journal";
  std::vector<std::string> warnings;
  const auto content = [&directory, &warnings] {
    Port port(directory.path);
    warnings = port.warnings;
    std::vector<std::string> texts;
    for (const SetEntry& entry : port.firewall.entries("list")) {
      texts.push_back(entry.range.text());
    }
    return texts;
  };
  const std::vector<std::string> all{"10.1.0.1", "10.1.0.2", "10.1.0.3"};
  CHECK(content() == all);
  std::ofstream(journal, std::ios::app) << "@3\n+10.1.0.8\n-10.1.0.1\n";  // whole lines, and one that is missing
  CHECK(content() == all);
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings.front(), Catch::Contains("the last change of the set 'list' is left out"));
  CHECK(content() == all);  // written anew, so that nothing stands behind half a change
  CHECK(warnings.empty());
  for (const char* wrong : {"@x\n", "@2\n@1\n+10.1.0.8\n", "*10.1.0.8\n"}) {
    CAPTURE(wrong);
    const Directory other;
    {
      Port port(other.path);
      port.firewall.add_to_set("list", entries({"10.1.0.1"}));
    }
    std::ofstream(other.path / "sets" / "list.1.journal") << wrong;
    CHECK_THROWS_WITH(Port(other.path), Catch::Contains("list.1.journal: line ") && Catch::Contains("allowed is"));
  }
}

TEST_CASE("a set's file that is damaged is refused, with what is wrong; a list that somebody put there is taken") {
  const Directory directory;
  const auto file = directory.path / "sets" / "list.netset";
  {
    Port port(directory.path);
    port.firewall.add_to_set("list", entries({"10.1.0.1", "10.1.0.2"}));
  }
  std::string content;
  {
    std::ifstream saved(file);
    content.assign(std::istreambuf_iterator<char>(saved), {});
  }
  const auto write = [&file](const std::string& text) { std::ofstream(file, std::ios::trunc) << text; };
  write("");
  CHECK_THROWS_WITH(Port(directory.path), Catch::Contains("list.netset: damaged: it is empty"));
  write(content.substr(0, content.size() - 3));
  CHECK_THROWS_WITH(Port(directory.path), Catch::Contains("damaged: its last line has no end"));
  write(content.substr(0, content.size() - std::string("10.1.0.2\n").size()));
  CHECK_THROWS_WITH(Port(directory.path), Catch::Contains("damaged: entries are missing"));
  write(std::string(100, '\0'));
  CHECK_THROWS_WITH(Port(directory.path), Catch::Contains("damaged: it is empty"));
  write("10.1.0.7\n");
  CHECK(Port(directory.path).firewall.entries("list").size() == 1);
  write("10.1.0.7\n10.1.0.8");  // its last line counts, too
  CHECK(Port(directory.path).firewall.entries("list").size() == 2);
}

TEST_CASE("what a state directory lacks that was there is said") {
  const Directory directory;
  {
    Port port(directory.path);
    CHECK(port.warnings.empty());
    port.firewall.add_to_set("list", entries({"10.1.0.1"}));
    port.firewall.add_to_set("list", entries({"10.1.0.2"}));
  }
  std::filesystem::remove(directory.path / "rules.json");
  std::filesystem::remove(directory.path / "sets" / "list.netset");
  std::filesystem::permissions(directory.path, std::filesystem::perms(0770));
  Port port(directory.path);
  REQUIRE(port.warnings.size() == 4);
  CHECK_THAT(port.warnings[0], Catch::Contains("could be written by others"));
  CHECK_THAT(port.warnings[1], Catch::Contains("rules.json is missing"));
  CHECK_THAT(port.warnings[2], Catch::Contains("list.netset is missing: the set 'list'"));
  CHECK_THAT(port.warnings[3], Catch::Contains("list.1.journal: changes of a set whose file is missing"));
}

TEST_CASE("changes of a set that were lost are said, however they were lost") {
  const Directory directory;
  const auto sets = directory.path / "sets";
  {
    Port port(directory.path);
    port.firewall.block(entries({"10.0.0.1"}));
    port.firewall.block(entries({"10.0.0.2", "10.0.0.3"}));
    port.firewall.block(entries({"10.0.0.4"}));
  }
  const auto journal = sets / "blocked.1.journal";
  std::string lines;
  {
    std::ifstream saved(journal);
    lines.assign(std::istreambuf_iterator<char>(saved), {});
  }
  const auto warnings = [&directory] { return Port(directory.path).warnings; };
  CHECK(warnings().empty());
  for (const char* left : {"", "@2\n+10.0.0.2\n+10.0.0.3\n", "@2\n+10.0.0.2\n"}) {
    CAPTURE(left);
    std::ofstream(journal, std::ios::trunc) << left;
    const auto said = warnings();
    REQUIRE(said.size() == 1);
    CHECK_THAT(said.front(), Catch::Contains("blocked.1.journal has " +
                                             std::to_string(std::count(left, left + std::strlen(left), '\n')) +
                                             " of 4 lines: later changes of the set 'blocked' are lost"));
    if (*left == '\0' || std::strlen(left) > 20) {
      std::ofstream(journal, std::ios::trunc) << lines;  // a copy that is put back is taken
      CHECK(warnings().empty());
    }
  }
  {
    Port port(directory.path);  // was written anew, as it ended in a change
    CHECK(port.warnings.empty());
    port.firewall.block(entries({"10.0.0.5"}));
  }
  std::filesystem::remove(sets / "blocked.2.journal");
  REQUIRE(warnings().size() == 1);
  CHECK_THAT(warnings().front(), Catch::Contains("blocked.2.journal is missing: later changes"));
  {
    Port port(directory.path);
    port.firewall.block(entries({"10.0.0.6"}));
  }
  CHECK(warnings().empty());  // what there is now is what was changed since
  for (const auto& file : std::filesystem::directory_iterator(sets)) {
    if (file.path().filename().string().starts_with("blocked.")) {
      std::filesystem::remove(file.path());
    }
  }
  REQUIRE(warnings().size() == 1);
  CHECK_THAT(warnings().front(), Catch::Contains("blocked.netset is missing: the set 'blocked'"));
}

TEST_CASE("a set that was removed is not missed, nor one of a directory that has no list of its sets") {
  const Directory directory;
  {
    Port port(directory.path);
    port.firewall.add_to_set("list", entries({"10.1.0.1"}));
    port.firewall.add_to_set("other", entries({"10.1.0.1"}));
    port.firewall.remove_set("other");
  }
  CHECK(Port(directory.path).warnings.empty());
  std::filesystem::remove(directory.path / "sets" / "names.json");
  CHECK(Port(directory.path).warnings.empty());
  std::filesystem::remove(directory.path / "sets" / "list.netset");
  CHECK(Port(directory.path).warnings.size() == 1);
}

TEST_CASE("a clock that is missing beside what ends by it is said") {
  const Directory directory;
  std::vector<std::string> warnings;
  const auto open = [&] {
    warnings.clear();
    const auto warn = [&warnings](const std::string& text) { warnings.push_back(text); };
    const Firewall firewall({kSmall, directory.path, warn});
  };
  open();
  open();
  CHECK(warnings.empty());
  std::filesystem::remove(directory.path / "clock.json");
  open();
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings.front(), Catch::Contains("clock.json is missing"));
}

TEST_CASE("a block on a full disk is in force, and is not said to have failed") {
  const Directory directory;
  Port port(directory.path);
  port.firewall.block(entries({"10.0.0.9"}));
  port.firewall.unblock(std::vector{parse_address_range("10.0.0.9")});
  std::filesystem::remove(directory.path / "rules.json");
  std::filesystem::create_directories(directory.path / "rules.json" / "in the way");
  CHECK_NOTHROW(port.firewall.block(entries({"10.0.0.1"})));
  CHECK_FALSE(port.passes("10.0.0.1"));
}

TEST_CASE("a rule ends on a full disk too, and a run that loads the file leaves it out") {
  const Directory directory;
  const auto file = directory.path / "rules.json";
  const auto aside = directory.path / "aside";
  TimestampNs end = 0;
  {
    Port port(directory.path);
    port.firewall.apply(Chain::ingress, batch({append({{"src", "10.0.0.1"}, {"action", "drop"}, {"expires", "5s"}})}));
    end = port.now += std::chrono::nanoseconds(std::chrono::seconds(6)).count();
    std::filesystem::rename(file, aside);
    std::filesystem::create_directories(file / "in the way");
    CHECK_NOTHROW(port.firewall.expire(end));
    CHECK(port.passes("10.0.0.1"));
    CHECK(port.view().chain.rules.empty());
  }
  std::filesystem::remove_all(file);
  std::filesystem::rename(aside, file);
  Port next(directory.path, end);
  CHECK(next.passes("10.0.0.1"));
}

TEST_CASE("a change of a set that could not be saved is saved with the next change of any set") {
  const Directory directory;
  const auto sets = directory.path / "sets";
  const auto content = [](Port& port) {
    std::vector<std::string> texts;
    for (const SetEntry& entry : port.firewall.entries("list")) {
      texts.push_back(entry.range.text());
    }
    return texts;
  };
  {
    Port port(directory.path);
    port.firewall.add_to_set("list", entries({"10.1.0.1"}));
    const std::array journals{sets / "list.1.journal", sets / "list.2.journal"};
    for (const auto& journal : journals) {
      std::filesystem::create_directories(journal / "in the way");
    }
    CHECK_THROWS_WITH(port.firewall.add_to_set("list", entries({"10.1.0.2"})),
                      Catch::Contains("in force, but not saved"));
    CHECK_THROWS_WITH(port.firewall.take_from_set("list", std::vector{parse_address_range("10.1.0.1")}),
                      Catch::Contains("not saved"));
    CHECK(content(port) == std::vector<std::string>{"10.1.0.2"});
    for (const auto& journal : journals) {
      std::filesystem::remove_all(journal);
    }
    port.firewall.add_to_set("other", entries({"10.2.0.1"}));
  }
  Port next(directory.path);
  CHECK(content(next) == std::vector<std::string>{"10.1.0.2"});
}

TEST_CASE("a set that could not be saved is said to be unsaved, and saved by itself as soon as that works") {
  const Directory directory;
  const auto journal = directory.path / "sets" / "list.1.journal";
  {
    Port port(directory.path);
    port.firewall.add_to_set("list", entries({"10.1.0.1"}));
    CHECK(port.firewall.unsaved() == std::nullopt);
    std::filesystem::create_directories(journal / "in the way");
    CHECK_THROWS_WITH(port.firewall.add_to_set("list", entries({"10.1.0.2"})),
                      Catch::Contains("in force, but not saved, which is tried again"));
    CHECK_THAT(port.firewall.unsaved().value_or(""), Catch::Contains("the set 'list': "));
    // A whole set is saved with the next number, and its former journal is removed.
    std::filesystem::create_directories(directory.path / "sets" / "list.2.journal" / "in the way");
    port.firewall.expire(port.now += std::chrono::nanoseconds(std::chrono::seconds(2)).count());
    CHECK_THAT(port.firewall.unsaved().value_or(""), Catch::Contains("the set 'list': "));
    std::filesystem::remove_all(journal);
    std::filesystem::remove_all(directory.path / "sets" / "list.2.journal");
    port.firewall.expire(port.now += std::chrono::nanoseconds(std::chrono::seconds(31)).count());
    CHECK(port.firewall.unsaved() == std::nullopt);
  }
  CHECK(Port(directory.path).firewall.entries("list").size() == 2);
}

TEST_CASE("how programs have the sets is saved as soon as that works, so that a later run goes on with them at once") {
  const Directory directory;
  const auto file = directory.path / "classes.json";
  Port port(directory.path);
  port.firewall.add_to_set("list", entries({"10.1.0.1"}));
  CHECK(std::filesystem::is_regular_file(file));
  std::filesystem::remove(file);
  std::filesystem::create_directories(file / "in the way");
  port.firewall.add_to_set("other", entries({"10.1.0.1"}));
  CHECK_THAT(port.firewall.unsaved().value_or(""), Catch::StartsWith("how the programs have the sets: "));
  std::filesystem::remove_all(file);
  port.firewall.expire(port.now += std::chrono::nanoseconds(std::chrono::seconds(31)).count());
  CHECK(port.firewall.unsaved() == std::nullopt);
  CHECK(std::filesystem::is_regular_file(file));
}

TEST_CASE("an unconfirmed change is taken back where that cannot be saved, which is said until it is saved") {
  const Directory directory;
  const auto file = directory.path / "rules.json";
  Port port(directory.path);
  port.firewall.set_default(Chain::ingress, RuleAction::drop, {false, std::chrono::seconds(10), {}});
  CHECK_FALSE(port.passes("10.0.0.1"));
  std::filesystem::remove(file);
  std::filesystem::create_directories(file / "in the way");
  CHECK_THROWS_WITH(port.firewall.expire(port.now += std::chrono::nanoseconds(std::chrono::seconds(11)).count()),
                    Catch::Contains("EISDIR"));
  CHECK(port.passes("10.0.0.1"));
  CHECK(port.firewall.unconfirmed() == std::nullopt);
  CHECK_THAT(port.firewall.unsaved().value_or(""),
             Catch::Contains("the rules") && Catch::Contains("the change of the ingress chain that was taken "
                                                             "back: EISDIR"));
  CHECK(std::filesystem::exists(directory.path / "undo.json"));
  CHECK_THROWS_WITH(port.firewall.confirm(), Catch::Contains("no change waits"));
  std::filesystem::remove_all(file);
  port.firewall.expire(port.now += std::chrono::nanoseconds(std::chrono::seconds(31)).count());
  CHECK(port.firewall.unsaved() == std::nullopt);
  CHECK(std::filesystem::is_regular_file(file));
  CHECK_FALSE(std::filesystem::exists(directory.path / "undo.json"));
}

TEST_CASE("a state directory is for its user alone") {
  const Directory directory;
  const auto mode = [](const std::filesystem::path& path) {
    return static_cast<unsigned>(std::filesystem::status(path).permissions());
  };
  std::filesystem::permissions(directory.path, std::filesystem::perms(0755));
  {
    Port port(directory.path);
    port.firewall.add_to_set("list", entries({"10.1.0.1"}));
    port.firewall.add_to_set("list", entries({"10.1.0.2"}));
    port.firewall.apply(Chain::ingress, batch({append({{"src", "@list"}, {"action", "drop"}})}));
  }
  CHECK(mode(directory.path) == 0700);
  CHECK(mode(directory.path / "sets") == 0700);
  std::size_t files = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(directory.path)) {
    if (file.is_regular_file()) {
      CAPTURE(file.path());
      CHECK(mode(file.path()) == 0600);
      ++files;
    }
  }
  CHECK(files >= 5);
  REQUIRE(chown(directory.path.c_str(), 65534, 65534) == 0);
  CHECK_THROWS_WITH(Port(directory.path), Catch::Contains("belongs to user 65534"));
}

TEST_CASE("rules and sets survive in a state directory, which has one controller at a time") {
  const Directory directory;
  {
    Port port(directory.path);
    port.firewall.add_to_set("list.v1", entries({"10.1.0.1", "10.2.0.0/16", "2001:db8::/32"}));
    port.firewall.add_to_set("list.v1", entries({"10.1.0.2"}, after(std::chrono::hours(1))));
    port.firewall.add_to_set("list.v1", entries({"10.1.0.3"}, after(std::chrono::milliseconds(1))));
    port.firewall.take_from_set("list.v1", std::vector{parse_address_range("10.1.0.1")});
    port.firewall.add_to_set("gone", entries({"10.9.0.1"}));
    port.firewall.remove_set("gone");
    port.firewall.apply(Chain::ingress, batch({append({{"src", "@list.v1"}, {"action", "drop"}, {"expires", "1h"}}),
                                               append({{"dport", "1-52"}, {"description", "low"}})}));
    port.firewall.set_default(Chain::egress, RuleAction::drop);
    port.firewall.accept_established(Chain::ingress, false);
    CHECK_THROWS_AS(Firewall(port.options(directory.path)), Error);
  }
  {
    // The process died while it wrote: a change of three lines, of which the last is cut.
    std::ofstream(directory.path / "sets" / "list.v1.1.journal", std::ios::app)
        << "@3\n+10.1.0.8\n-10.2.0.0/16\n+10.1.0.9";
    Port port(directory.path, after(std::chrono::milliseconds(5)));
    CHECK_FALSE(port.passes("10.1.0.2"));
    CHECK_FALSE(port.passes("10.2.3.4"));
    CHECK(port.passes("10.1.0.1"));
    CHECK(port.passes("10.1.0.3"));
    CHECK(port.passes("10.1.0.8"));
    CHECK(port.passes("10.1.0.9"));
    CHECK_FALSE(port.passes("10.5.0.1", 52));
    CHECK(port.view().chain.rules.at(1).description == "low");
    CHECK(port.view().chain.rules.at(0).expires_ns.has_value());
    CHECK_FALSE(port.view().chain.accept_established);
    CHECK(port.firewall.view(Chain::egress).chain.default_action == RuleAction::drop);
    CHECK(port.firewall.sets().size() == 3);
    CHECK(port.firewall.entries("list.v1").size() == 3);
    port.firewall.add_to_set("list.v1", entries({"10.1.0.7"}));
  }
  CHECK_FALSE(Port(directory.path).passes("10.1.0.7"));
}

TEST_CASE("a malformed file of the state directory is named with its line, an unknown field with its name") {
  const Directory directory;
  const auto message = [&directory] {
    try {
      Port port(directory.path);
      return std::string();
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  CHECK(message().empty());
  std::ofstream(directory.path / "sets" / "bad.netset") << "10.0.0.1\n10.0.0.999\n";
  CHECK_THAT(message(), Catch::Contains("bad.netset: line 2"));
  std::filesystem::remove(directory.path / "sets" / "bad.netset");
  std::ofstream(directory.path / "rules.json") << "{\n\"version\": 1,\n]";
  CHECK_THAT(message(), Catch::Contains("rules.json") && Catch::Contains("line 3"));
  std::filesystem::remove(directory.path / "rules.json");
  std::ofstream(directory.path / "classes.json") << R"({"version": 1, "keys": [1, 2], "classes": []})";
  CHECK_THAT(message(), Catch::Contains("classes.json"));
  std::filesystem::remove(directory.path / "classes.json");

  const std::string chain = R"({"default": "accept", "accept_established": true, "rules": []})";
  const auto rules = [&](const std::string& ingress, const std::string& more) {
    std::ofstream(directory.path / "rules.json")
        << R"({"version": 1, "ingress": )" << ingress << R"(, "egress": )" << chain << more << "}";
    return message();
  };
  CHECK(rules(chain, "").empty());
  CHECK_THAT(rules(chain, R"(, "forward": {})"), Catch::Contains("rules.json: \"forward\": unknown field"));
  CHECK_THAT(rules(R"({"default": "drop", "accept_established": true, "rules": [], "policy": 1})", ""),
             Catch::Contains("ingress: \"policy\": unknown field"));
  CHECK_THAT(rules(R"({"default": "drop", "accept_established": true, "rules": [{"mark": 1}]})", ""),
             Catch::Contains("ingress: rules[0].mark: unknown field"));
  CHECK_THAT(rules(R"({"default": "drop", "rules": []})", ""),
             Catch::Contains("ingress: \"accept_established\": missing"));
}

TEST_CASE("a state directory of a newer format is refused, one without a format number is of the first") {
  const Directory directory;
  {
    Port port(directory.path);
    port.firewall.add_to_set("blocked", entries({"10.0.0.1"}));
    port.firewall.set_default(Chain::egress, RuleAction::drop);
  }
  std::filesystem::remove(directory.path / "format");
  CHECK_FALSE(Port(directory.path).passes("10.0.0.1"));
  CHECK(std::filesystem::exists(directory.path / "format"));

  for (const char* file : {"format", "rules.json", "classes.json"}) {
    const std::filesystem::path path = directory.path / file;
    std::stringstream before;
    before << std::ifstream(path).rdbuf();
    std::string newer = before.str();
    const auto number = newer.find('2');
    REQUIRE(number != std::string::npos);
    std::ofstream(path) << newer.replace(number, 1, "3");
    CHECK_THROWS_WITH(Port(directory.path), Catch::Contains(std::string(file) + ": format 3 is newer than 2"));
    std::ofstream(path) << before.str();
  }
  CHECK_FALSE(Port(directory.path).passes("10.0.0.1"));
}

TEST_CASE("rules and sets change while counters are read for a list") {
  Port port;
  port.firewall.apply(Chain::ingress, batch({append({{"src", "10.0.0.1"}, {"action", "drop"}})}));
  port.passes("10.0.0.1");
  std::vector<std::string> done;
  std::vector<std::future<void>> changes;
  const auto change = [&](const std::string& name, const std::function<void()>& act) {
    changes.push_back(std::async(std::launch::async, act));
    if (changes.back().wait_for(std::chrono::seconds(20)) == std::future_status::ready) {
      done.push_back(name);
    }
  };
  port.before_reading([&] {
    change("block", [&port] { port.firewall.block(entries({"10.0.0.9"})); });
    change("apply", [&port] {
      port.firewall.apply(Chain::ingress, batch({append({{"src", "10.0.0.2"}, {"action", "drop"}})}));
    });
    change("unblock", [&port] { port.firewall.unblock(std::vector{parse_address_range("10.0.0.9")}); });
  });
  const Firewall::ChainView view = port.view();
  CHECK(view.chain.rules.size() == 1);
  CHECK(view.counts.at(0).packets == 1);
  CHECK(done == std::vector<std::string>{"block", "apply", "unblock"});
  CHECK(port.view().chain.rules.size() == 2);
}

TEST_CASE("a counter that passes to another rule while a list reads it is not taken for the former rule's") {
  Port port;
  port.firewall.apply(Chain::ingress, batch({append({{"src", "10.0.0.1"}, {"action", "drop"}})}));
  port.passes("10.0.0.1");
  port.before_reading([&] {
    port.firewall.apply(Chain::ingress, batch({{{"operation", "delete"}, {"id", 0}}}));
    port.firewall.apply(Chain::ingress, batch({append({{"src", "10.0.0.2"}, {"action", "drop"}})}));
    for (int i = 0; i < 5; ++i) {
      port.passes("10.0.0.2");
    }
  });
  const Firewall::ChainView view = port.view();
  REQUIRE(view.chain.rules.size() == 1);
  CHECK(view.chain.rules.at(0).match.source.ranges.at(0) == parse_address_range("10.0.0.2"));
  CHECK(view.counts.at(0).packets == 5);
}

TEST_CASE("a rule that comes into force while counters are reset keeps what it has counted") {
  Port port;
  port.firewall.apply(Chain::ingress, batch({append({{"src", "10.0.0.1"}, {"action", "drop"}}),
                                             append({{"src", "10.0.0.3"}, {"action", "drop"}})}));
  port.passes("10.0.0.1");
  port.passes("10.0.0.3");
  port.before_reading([&] {
    port.firewall.apply(Chain::ingress, batch({{{"operation", "delete"}, {"id", 0}}}));
    port.firewall.apply(Chain::ingress, batch({append({{"src", "10.0.0.2"}, {"action", "drop"}})}));
    port.passes("10.0.0.2");
  });
  port.firewall.reset_counters();
  port.passes("10.0.0.2");
  const Firewall::ChainView view = port.view();
  CHECK(view.counts.at(0).packets == 0);
  CHECK(view.counts.at(1).packets == 2);
}

TEST_CASE("a reading of counters that is young enough serves again, unless rules have changed since") {
  Port port;
  port.firewall.apply(Chain::ingress, batch({append({{"src", "10.0.0.1"}, {"action", "drop"}})}));
  int readings = 0;
  const auto packets = [&](std::chrono::nanoseconds max_age) {
    readings = 0;
    port.before_reading([&readings] { ++readings; });
    const auto view = port.firewall.view(Chain::ingress, max_age);
    port.before_reading(nullptr);
    return view.counts.at(0).packets;
  };
  CHECK(packets(std::chrono::seconds(1)) == 0);
  CHECK(readings == 1);
  port.passes("10.0.0.1");
  port.now = after(std::chrono::seconds(1));
  CHECK(packets(std::chrono::seconds(1)) == 0);
  CHECK(readings == 0);
  port.now = after(std::chrono::seconds(1)) + 1;
  CHECK(packets(std::chrono::seconds(1)) == 1);
  CHECK(readings == 1);
  port.passes("10.0.0.1");
  port.firewall.set_default(Chain::ingress, RuleAction::drop);
  CHECK(packets(std::chrono::seconds(1)) == 2);
  port.passes("10.0.0.1");
  CHECK(packets(std::chrono::seconds(0)) == 3);
  port.firewall.reset_counters();
  CHECK(packets(std::chrono::seconds(1)) == 0);
}

TEST_CASE("an address is in a set, and a set that does not exist is refused") {
  Port port;
  CHECK(port.firewall.block(entries({"10.0.0.1", "10.1.0.0/16"})).changed == 2);
  const Enforcement& enforcement = port.firewall;
  CHECK(enforcement.blocked(parse_address_range("10.0.0.1").first));
  CHECK(enforcement.blocked(parse_address_range("10.1.2.3").first));
  CHECK_FALSE(enforcement.blocked(parse_address_range("10.0.0.2").first));
  CHECK_FALSE(enforcement.blocked(parse_address_range("2001:db8::1").first));
  CHECK_THROWS_AS(enforcement.in_set("friends", parse_address_range("10.0.0.1").first), NotFound);
  const Enforcement::Taken taken =
      port.firewall.unblock(std::vector{parse_address_range("10.0.0.1"), parse_address_range("10.1.0.7")});
  CHECK(taken.changed == 1);
  CHECK(taken.missing == std::vector{parse_address_range("10.1.0.7")});
  REQUIRE(taken.staying.size() == 1);
  CHECK(taken.staying[0].second == parse_address_range("10.1.0.0/16"));
  CHECK_FALSE(enforcement.blocked(parse_address_range("10.0.0.1").first));
}

TEST_CASE("a program that is new to a run enforces rightly when one of the run before is adopted after it") {
  const Directory directory;
  Program former = load_program();
  const auto options = [&directory] {
    return Firewall::Options{kSmall, directory.path, [](const std::string& text) { FAIL_CHECK(text); }};
  };
  {
    Firewall first(options());
    first.add_attachment(former.shared_firewall(), Chain::ingress);
    // The classes of addresses get other numbers than those of sets that are loaded at once.
    first.add_to_set("late", entries({"10.7.0.1"}));
    first.add_to_set("a", entries({"10.0.0.1", "10.0.0.2", "10.5.0.0/16"}));
    first.add_to_set("blocked", entries({"10.0.0.3", "10.6.0.0/16"}));
    first.remove_set("late");
    first.apply(Chain::ingress, batch({append({{"src", "@a"}, {"dport", 53}, {"action", "drop"}})}));
  }
  Program fresh = load_program();
  Firewall next(options());
  next.add_attachment(fresh.shared_firewall(), Chain::ingress);
  next.add_attachment(former.shared_firewall(), Chain::ingress);
  for (Program* program : {&fresh, &former}) {
    TestRun run(*program);
    for (const char* dropped : {"10.0.0.1", "10.0.0.2", "10.5.1.1", "10.0.0.3", "10.6.1.1"}) {
      CAPTURE(dropped);
      CHECK(run.run(udp(dropped, 53)) == XDP_DROP);
    }
    for (const char* passed : {"10.0.0.1", "10.5.1.1", "10.7.0.1"}) {
      CAPTURE(passed);
      CHECK(run.run(udp(passed, 80)) == XDP_PASS);
    }
    CHECK(run.run(udp("10.6.1.1", 80)) == XDP_DROP);
  }
  CHECK(next.view(Chain::ingress).counts.at(0).packets == 6);
}

TEST_CASE("an attachment that goes while rules and sets are held is left out without waiting, and no other") {
  Port port;
  const Program another = load_program();
  port.firewall.add_attachment(another.shared_firewall(), Chain::ingress);
  TestRun run(another);
  {
    const Firewall::Pause pause(port.firewall);
    port.firewall.keep_attachments({port.program.firewall()});
  }
  port.firewall.block(entries({"10.0.0.2"}));
  CHECK_FALSE(port.passes("10.0.0.2"));
  CHECK(run.run(udp("10.0.0.2", 53)) == XDP_PASS);
  CHECK(port.view().blocked.packets == 1);
  port.firewall.add_attachment(another.shared_firewall(), Chain::ingress);
  CHECK(run.run(udp("10.0.0.2", 53)) == XDP_DROP);
  port.firewall.keep_attachments({port.program.firewall()});
  port.firewall.block(entries({"10.0.0.3"}));
  CHECK_FALSE(port.passes("10.0.0.3"));
  CHECK(run.run(udp("10.0.0.3", 53)) == XDP_PASS);
  REQUIRE(port.warnings.size() == 1);  // of the rules that were in force on the second one when it came back
  CHECK_THAT(port.warnings[0], Catch::Contains("of the run before are not in force any more"));
}

TEST_CASE("rules of an older program that a run without state replaces are dropped with a warning") {
  std::vector<std::string> warnings;
  const Program program = load_program();
  const Program another = load_program();
  Firewall firewall({kSmall, std::nullopt, [&warnings](const std::string& text) { warnings.push_back(text); }});
  firewall.add_attachment(program.shared_firewall(), Chain::ingress);
  CHECK(warnings.empty());
  firewall.add_attachment(another.shared_firewall(), Chain::ingress, Firewall::Place::of_enforcing);
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings[0], Catch::Contains("NOT blocked any more") && Catch::Contains("--state"));
}

TEST_CASE("a program that enforces already goes on to the rules of the next controller") {
  Program program = load_program();
  TestRun run(program);
  {
    Firewall first({kSmall, std::nullopt, [](const std::string&) {}});
    first.add_attachment(program.shared_firewall(), Chain::ingress);
    first.add_to_set("blocked", entries({"10.0.0.1", "10.1.0.0/16"}));
    first.apply(Chain::ingress, batch({append({{"src", "10.0.0.2"}, {"action", "drop"}})}));
  }
  CHECK(run.run(udp("10.0.0.1", 53)) == XDP_DROP);
  CHECK(run.run(udp("10.0.0.2", 53)) == XDP_DROP);
  Firewall second({kSmall, std::nullopt, [](const std::string&) {}});
  second.add_to_set("blocked", entries({"10.0.0.3"}));
  second.apply(Chain::ingress, batch({append({{"src", "10.0.0.4"}, {"action", "drop"}})}));
  second.add_attachment(program.shared_firewall(), Chain::ingress);
  CHECK(run.run(udp("10.0.0.1", 53)) == XDP_PASS);
  CHECK(run.run(udp("10.1.0.1", 53)) == XDP_PASS);
  CHECK(run.run(udp("10.0.0.2", 53)) == XDP_PASS);
  CHECK(run.run(udp("10.0.0.3", 53)) == XDP_DROP);
  CHECK(run.run(udp("10.0.0.4", 53)) == XDP_DROP);
  CHECK(second.view(Chain::ingress).counts.at(0).packets == 1);
  CHECK(second.view(Chain::ingress).dropped.packets == 2);
}

TEST_CASE("with the state of the run that died, who is in a set stays in it while programs are taken over") {
  const Directory directory;
  Program programs[] = {load_program(), load_program()};
  const auto options = [&directory] {
    return Firewall::Options{kSmall, directory.path, [](const std::string& text) { FAIL_CHECK(text); }};
  };
  std::vector<std::string> singles;
  for (unsigned i = 0; i < 2400; ++i) {
    singles.push_back("10." + std::to_string(i % 3) + "." + std::to_string(i / 250) + "." + std::to_string(i % 250));
  }
  {
    Firewall first(options());
    for (const Program& program : programs) {
      first.add_attachment(program.shared_firewall(), Chain::ingress);
    }
    // A history: numbers of classes and places of addresses are not those of sets that are made at once.
    first.add_to_set("z", entries({"10.0.0.1", "203.0.113.1", "10.77.0.0/16"}));
    first.add_to_set("late", entries(singles));
    first.add_to_set("z", entries({"203.0.113.2"}));
    first.add_to_set("blocked", entries(singles));
    first.add_to_set("blocked", entries({"10.99.0.0/16", "203.0.113.2", "2001:db8::/32"}));
    first.remove_set("late");
    first.add_to_set("a", entries({"203.0.113.3", "203.0.113.1"}));
    first.apply(Chain::ingress, batch({append({{"src", "@z"}, {"dport", 53}, {"action", "drop"}}),
                                       append({{"src", "@a"}, {"dport", 80}, {"action", "drop"}})}));
  }
  const auto dropped = [&singles](TestRun& run, unsigned i) {
    return run.run(udp(singles[i % singles.size()], 1)) == XDP_DROP && run.run(udp("10.99.1.1", 1)) == XDP_DROP &&
           run.run(udp("203.0.113.1", 53)) == XDP_DROP && run.run(udp("203.0.113.1", 80)) == XDP_DROP &&
           run.run(udp("10.77.1.1", 53)) == XDP_DROP && run.run(udp("10.77.1.1", 80)) == XDP_PASS &&
           run.run(udp("203.0.113.3", 53)) == XDP_PASS && run.run(udp("203.0.113.9", 53)) == XDP_PASS;
  };
  std::atomic<bool> done = false;
  std::atomic<unsigned> rounds = 0;
  std::atomic<unsigned> wrong = 0;
  std::vector<std::thread> traffic;
  for (Program& program : programs) {
    traffic.emplace_back([&] {
      TestRun run(program);
      for (unsigned i = 0; !done; i += 7, ++rounds) {
        wrong += dropped(run, i) ? 0 : 1;
      }
    });
  }
  // Each goes on from the one before, and from what that one has changed meanwhile.
  for (unsigned generation = 0; generation < 5; ++generation) {
    const unsigned before = rounds;
    Firewall next(options());
    for (const Program& program : programs) {
      next.add_attachment(program.shared_firewall(), Chain::ingress);
    }
    next.add_to_set("blocked", entries({"198.51.100." + std::to_string(generation), "10.100.0.0/17"}));
    next.add_to_set("new" + std::to_string(generation), entries({"203.0.113.1", "203.0.113.3", "10.77.8.0/24"}));
    while (rounds < before + 10) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    // The counts of the rules before, in another order, are not taken for theirs.
    const Firewall::ChainView view = next.view(Chain::ingress);
    for (std::size_t i = 0; i + 2 < view.counts.size(); ++i) {
      CHECK(view.counts[i].packets == 0);
    }
    CHECK(view.counts.back().packets != 0);
    next.apply(Chain::ingress,
               batch({{{"operation", "insert"}, {"id", 0}, {"src", "192.0.2.77"}, {"action", "drop"}}}));
    for (Program& program : programs) {
      TestRun run(program);
      CHECK(run.run(udp("198.51.100." + std::to_string(generation), 1)) == XDP_DROP);
      CHECK(run.run(udp("10.100.0.1", 1)) == XDP_DROP);
    }
  }
  done = true;
  for (std::thread& thread : traffic) {
    thread.join();
  }
  CHECK(wrong == 0);
}

TEST_CASE("a list of EtherTypes is refused where a program for the card is among the attachments") {
  Firewall firewall({kSmall, std::nullopt, [](const std::string&) {}});
  Program host = load_program();
  firewall.add_attachment(host.shared_firewall(), Chain::ingress);
  firewall.set_non_ip(Chain::ingress, std::vector<std::uint16_t>{0x0806});
  firewall.set_non_ip(Chain::ingress, std::nullopt);
  Program card =
      testing::pooled_program({.object = find_object(kSentry, Target::card), .size = kSessions, .firewall = kSmall});
  firewall.add_attachment(card.shared_firewall(), Chain::ingress, Firewall::Place::own, "eth0/xdp");
  CHECK_THROWS_WITH(firewall.set_non_ip(Chain::ingress, std::vector<std::uint16_t>{0x0806}),
                    Catch::Contains("eth0/xdp is a program for the card"));
  CHECK_FALSE(firewall.rules(Chain::ingress)->non_ip.has_value());
  firewall.set_non_ip(Chain::ingress, std::nullopt);
}

TEST_CASE("a limit is refused where a program for the card is among the attachments, with what to use instead") {
  Firewall firewall({kSmall, std::nullopt, [](const std::string&) {}});
  Program card =
      testing::pooled_program({.object = find_object(kSentry, Target::card), .size = kSessions, .firewall = kSmall});
  firewall.add_attachment(card.shared_firewall(), Chain::ingress, Firewall::Place::own, "eth0/xdp");
  const json limits{{"rules", {{{"operation", "append"}, {"action", "limit"}, {"rate", "100/s"}}}}};
  CHECK_THROWS_WITH(firewall.apply(Chain::ingress, parse_batch(limits, 0)),
                    Catch::Contains("action limit: eth0/xdp is a program for the card, which has no limits; modes drv, "
                                    "skb and tc have them"));
  CHECK(firewall.rules(Chain::ingress)->rules.empty());
}

TEST_CASE("a card that takes over rules with limits leaves those out, and says so") {
  const Directory directory;
  const auto frame = udp("198.51.100.7", 53);
  {
    Firewall before({kSmall, directory.path});
    before.apply(Chain::ingress, batch({append({{"action", "limit"}, {"rate", "1/h"}, {"burst", 1}}),
                                        append({{"src", "198.51.100.9"}, {"action", "drop"}})}));
  }
  std::vector<std::string> warnings;
  Firewall firewall({kSmall, directory.path, [&](const std::string& text) { warnings.push_back(text); }});
  Program card =
      testing::pooled_program({.object = find_object(kSentry, Target::card), .size = kSessions, .firewall = kSmall});
  firewall.add_attachment(card.shared_firewall(), Chain::ingress, Firewall::Place::own, "eth0/xdp");
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings[0], Catch::Contains("rules with action limit have no effect there"));
  TestRun run(card);
  for (int i = 0; i < 3; ++i) CHECK(run.run(frame) == XDP_PASS);
  CHECK(run.run(udp("198.51.100.9", 53)) == XDP_DROP);
}

TEST_CASE("a limit goes on with its buckets while other rules change, and begins anew with another rate") {
  Firewall firewall({kSmall, std::nullopt, [](const std::string&) {}});
  Program program = load_program();
  firewall.add_attachment(program.shared_firewall(), Chain::ingress);
  TestRun run(program);
  const auto passed = [&](const std::string& source) {
    int count = 0;
    for (int i = 0; i < 10; ++i) count += run.run(udp(source, 53)) == XDP_PASS ? 1 : 0;
    return count;
  };
  const json limit{{"action", "limit"}, {"rate", "1/h"}, {"burst", 4}, {"per", "source"}};
  firewall.apply(Chain::ingress, batch({append(limit)}));
  CHECK(passed("198.51.100.1") == 4);
  for (int change = 0; change < 3; ++change) {
    firewall.apply(Chain::ingress, batch({{{"operation", "insert"}, {"id", 0}, {"src", "192.0.2.9"}}}));
    CHECK(passed("198.51.100.1") == 0);
  }
  CHECK(passed("198.51.100.2") == 4);
  const auto shown = firewall.view(Chain::ingress);
  CHECK(shown.counts.at(3).packets == 42);
  CHECK(shown.dropped.packets == 42);
  json slower = limit;
  slower["rate"] = "2/h";
  json update = slower;
  update["operation"] = "update";
  update["id"] = 3;
  firewall.apply(Chain::ingress, batch({update}));
  CHECK(passed("198.51.100.1") == 4);
  firewall.apply(Chain::ingress, batch({{{"operation", "delete"}, {"id", 3}}}));
  CHECK(passed("198.51.100.1") == 10);
  firewall.apply(Chain::ingress, batch({append(slower)}));
  CHECK(passed("198.51.100.1") == 4);
}

TEST_CASE(
    "rules for fields that only the host reads are refused where a program for the card is among the attachments") {
  Firewall firewall({kSmall, std::nullopt, [](const std::string&) {}});
  Program host = load_program();
  firewall.add_attachment(host.shared_firewall(), Chain::ingress, Firewall::Place::own, "eth1/xdp");
  const auto apply = [&firewall](const json& rule) { firewall.apply(Chain::ingress, batch({append(rule)})); };
  const json fields[] = {
      {{"l4proto", "ICMP"}, {"icmptype", 8}}, {{"length", "0-100"}}, {{"dscp", "ef"}}, {{"ttl", 1}}, {{"vlan", 10}}};
  for (const json& field : fields) apply(field);
  Program card =
      testing::pooled_program({.object = find_object(kSentry, Target::card), .size = kSessions, .firewall = kSmall});
  const auto add_card = [&] {
    firewall.add_attachment(card.shared_firewall(), Chain::ingress, Firewall::Place::own, "eth0/xdp");
  };
  CHECK_THROWS_WITH(add_card(), Catch::StartsWith("rule with id 0: icmptype: eth0/xdp is a program for the card"));
  firewall.apply(Chain::ingress, batch({{{"operation", "flush"}}}));
  add_card();
  apply({{"dport", 80}});
  for (const json& field : fields) {
    const std::string name = field.contains("icmptype") ? "icmptype" : field.begin().key();
    CHECK_THROWS_WITH(apply(field),
                      Catch::StartsWith("rule with id 1: " + name + ": eth0/xdp is a program for the card"));
  }
  json elsewhere = fields[1];
  elsewhere["in"] = "eth1";
  apply(elsewhere);
  CHECK(firewall.rules(Chain::ingress)->rules.size() == 2);
}

TEST_CASE("of a rate that is not all, dropped packets get a sixteenth; of all they get all") {
  Firewall firewall({kSmall, std::nullopt, [](const std::string&) {}});
  Monitor monitor(Profile::all, 100, wall_clock_ns);
  Program program = load_program();
  TestRun run(program);
  firewall.add_attachment(program.shared_firewall(), Chain::ingress);
  Attachment& attachment = monitor.add_attachment(
      Attachment::fresh({"test", "xdp", "drv"}, std::move(program), {64, fixed_keys(), run.cpu()}));
  firewall.add_to_set("blocked", entries({"203.0.113.0/24"}));
  const auto events_of = [&](const std::string& source) {
    std::size_t events = 0;
    for (std::uint16_t port = 1; port <= 2000; ++port) {
      run.run(udp(source, port));
      if (port % 50 == 0) {
        EventBatch batch;
        REQUIRE(attachment.reader().drain(batch) == 0);
        events += batch.events().size();
      }
    }
    return events;
  };
  CHECK(events_of("10.0.0.1") == 2000);
  CHECK(events_of("203.0.113.1") == 2000);
  attachment.set_sampling_rate(0x8000);
  // 1,000 and 62.5 are expected; the bounds are more than six standard deviations away.
  const std::size_t passed = events_of("10.0.0.1");
  const std::size_t dropped = events_of("203.0.113.1");
  CHECK(passed > 850);
  CHECK(passed < 1150);
  CHECK(dropped > 10);
  CHECK(dropped < 115);
}

TEST_CASE("a blocked address is dropped before its established session is accepted, and drops are in the accounting") {
  Firewall firewall({kSmall, std::nullopt, [](const std::string&) {}});
  Monitor monitor(Profile::all, 100, wall_clock_ns);
  Program program = load_program();
  TestRun run(program);
  firewall.add_attachment(program.shared_firewall(), Chain::ingress);
  Attachment& attachment = monitor.add_attachment(
      Attachment::fresh({"test", "xdp", "drv"}, std::move(program), {64, fixed_keys(), run.cpu()}));
  monitor.track_connections(true);
  firewall.set_default(Chain::ingress, RuleAction::drop);
  firewall.apply(Chain::ingress, batch({append({{"conntrack", "NEW"}, {"dport", "53"}, {"action", "log"}})}));
  const auto answer = PacketBuilder()
                          .addresses(parse_address_range("192.0.2.1").first, parse_address_range("10.0.0.1").first)
                          .udp(53, 40000)
                          .build();
  EventBatch events;
  const auto read = [&] {
    events.clear();
    attachment.reader().drain(events);
    monitor.process(attachment, events);
  };
  CHECK(run.run(udp("10.0.0.1", 53)) == XDP_PASS);
  read();
  REQUIRE(events.events().size() == 1);
  const EventBatch::Event& event = events.events().front();
  CHECK((event.header.verdict & ACTION_LOG) != 0);
  const auto decided = firewall.deciding_rule(attachment.program().firewall(), event.header.action);
  REQUIRE(decided);
  CHECK(decided->number == 0);
  const json record =
      json::parse(log_record(attachment.name(), decided, event.timestamp_ns, event.header, events.packet(event)));
  CHECK(record.at("rule") == 0);
  CHECK(record.at("source") == "10.0.0.1");
  CHECK(record.at("destination_port") == 53);
  CHECK(record.at("bytes") == 28);

  run.run(answer);  // NEW from the other side, on another port: dropped, but seen
  read();
  firewall.apply(Chain::ingress, batch({append({{"src", "192.0.2.1"}, {"action", "accept"}})}));
  CHECK(run.run(answer) == XDP_PASS);
  read();
  CHECK(run.run(udp("10.0.0.1", 53)) == XDP_PASS);
  CHECK(firewall.view(Chain::ingress).established.packets > 0);
  firewall.add_to_set("blocked", entries({"10.0.0.1"}));
  CHECK(run.run(udp("10.0.0.1", 53)) == XDP_DROP);
  CHECK(firewall.view(Chain::ingress).blocked.packets == 1);
  read();
  const std::uint64_t dropped = firewall.view(Chain::ingress).dropped.packets;
  const WindowReport report = monitor.flip(0, 0).collect(1);
  CHECK(report.attachments.at(0).dropped.packets == dropped);
  CHECK(report.attachments.at(0).dropped.bytes == dropped * 28);
}

TEST_CASE("a program that a change did not reach is told of until it is mended, and then has all changes") {
  Port port;
  port.firewall.apply(Chain::ingress, batch({append({{"src", "192.0.2.66"}, {"action", "drop"}})}));
  CHECK(port.firewall.enforced().at(0).failing.empty());
  {
    const BrokenMap broken("set_addresses");
    port.firewall.block(entries({"198.51.100.7"}));
    const auto places = port.firewall.enforced();
    REQUIRE(places.size() == 1);
    CHECK_THAT(places[0].failing, Catch::Contains("set_addresses"));
    CHECK(port.passes("198.51.100.7"));
    CHECK_FALSE(port.passes("192.0.2.66"));  // it goes on with what it had
    REQUIRE_FALSE(port.warnings.empty());
    CHECK_THAT(port.warnings.back(), Catch::Contains("not in force there"));
    port.firewall.block(entries({"198.51.100.8"}));  // a later change is no reason to forget
    CHECK_FALSE(port.firewall.enforced().at(0).failing.empty());
    port.firewall.expire(port.now = after(std::chrono::seconds(1)));
    CHECK_FALSE(port.firewall.enforced().at(0).failing.empty());
    CHECK(port.passes("198.51.100.7"));
  }
  port.firewall.expire(port.now = after(std::chrono::seconds(2)));
  CHECK_FALSE(port.firewall.enforced().at(0).failing.empty());  // tries hold up changes: they become fewer
  port.firewall.expire(port.now = after(std::chrono::seconds(4)));
  CHECK(port.firewall.enforced().at(0).failing.empty());
  CHECK_FALSE(port.passes("198.51.100.7"));
  CHECK_FALSE(port.passes("198.51.100.8"));
  CHECK_FALSE(port.passes("192.0.2.66"));
  CHECK(port.passes("198.51.100.9"));
  CHECK_THAT(port.warnings.back(), Catch::Contains("in force again"));
}

TEST_CASE("a change of rules that cannot be switched on is mended, too") {
  Port port;
  {
    const BrokenMap broken("fw_control");
    port.firewall.set_default(Chain::ingress, RuleAction::drop);
    CHECK_FALSE(port.firewall.enforced().at(0).failing.empty());
    CHECK(port.passes("198.51.100.7"));
  }
  port.firewall.expire(port.now = after(std::chrono::seconds(1)));
  CHECK(port.firewall.enforced().at(0).failing.empty());
  CHECK_FALSE(port.passes("198.51.100.7"));
}

TEST_CASE("a port's new name is in force in the rules on a full disk too, and what is not saved is said") {
  const Directory directory;
  const json chain{{"default", "accept"}, {"accept_established", true}, {"unjudged", "drop"}, {"non_ip", "all"}};
  json ingress = chain;
  json egress = chain;
  ingress["rules"] = json::array({{{"in", "eth0"}, {"action", "drop"}}});
  egress["rules"] = json::array();
  std::ofstream(directory.path / "rules.json")
      << json{{"version", kStateFormat}, {"ingress", ingress}, {"egress", egress}};
  std::mutex mutex;
  std::string said;
  Firewall firewall({kSmall, directory.path, [&](const std::string& text) {
                       const std::lock_guard lock(mutex);
                       said += text + "\n";
                     }});
  firewall.apply(Chain::ingress, batch({append({{"src", "10.0.0.1"}, {"action", "drop"}})}),
                 {false, std::chrono::hours(1), {}});
  std::filesystem::remove(directory.path / "rules.json");
  std::filesystem::create_directories(directory.path / "rules.json" / "in the way");
  firewall.rename_ports({{"eth0", "eth1"}});
  const auto saying = [&](const std::string& text) {
    const std::lock_guard lock(mutex);
    return said.find(text) != std::string::npos;
  };
  for (int i = 0; i < 3000 && !saying("not saved"); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(saying("eth0 was renamed to eth1"));
  CHECK(saying("the new name of a port is in force in the rules, but not saved"));
  CHECK(saying("EISDIR: writing " + (directory.path / "rules.json").string()));
  CHECK_FALSE(saying("could not be changed"));
  CHECK(firewall.view(Chain::ingress).chain.rules.at(0).match.in.names == std::vector<std::string>{"eth1"});
  const json undo = json::parse(std::ifstream(directory.path / "undo.json"));
  CHECK_THAT(undo.dump(), Catch::Contains("eth1") && !Catch::Contains("eth0"));  // its file is not in the way
  CHECK_THROWS_WITH(firewall.revert(), Catch::Contains("is taken back, but not saved"));
  const auto rules = firewall.view(Chain::ingress).chain.rules;
  REQUIRE(rules.size() == 1);
  CHECK(rules[0].match.in.names == std::vector<std::string>{"eth1"});
}

TEST_CASE("the files of a state directory are their owner's alone, whatever the umask") {
  const Directory directory;
  const mode_t former = umask(0);
  {
    Port port(directory.path);
    port.firewall.add_to_set("list", entries({"10.1.0.1"}));
    port.firewall.add_to_set("list", entries({"10.1.0.2"}));
    port.firewall.set_default(Chain::ingress, RuleAction::drop, {false, std::chrono::hours(1), {}});
  }
  umask(former);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory.path)) {
    INFO(entry.path());
    const bool is_file = entry.is_regular_file();
    files += is_file ? 1 : 0;
    CHECK((!is_file || (static_cast<unsigned>(entry.status().permissions()) & 0777U) == 0600U));
  }
  CHECK(files >= 6);
}

// A state directory as a bad disk, or who could write in it, would have left it.
TEST_CASE("a file of the state directory that is none, or is another user's, is refused by its name") {
  const auto* file = GENERATE("format", "rules.json", "clock.json", "classes.json", "undo.json", "unfinished.json",
                              "lock", "sets/names.json", "sets/list.netset", "sets/list.1.journal");
  const auto* kind = GENERATE("directory", "FIFO", "link", "socket", "another user's", "writable");
  const std::string what = std::string(file) + ", " + kind;
  const bool is_lock = std::string(file) == "lock";
  if (is_lock && std::string(kind) != "directory" && std::string(kind) != "link") {
    return;  // it is only locked
  }
  INFO(what);
  const Directory directory;
  {
    Firewall firewall({kSmall, directory.path, [](const std::string&) {}});
    firewall.add_to_set("list", entries({"10.1.0.1"}));
    firewall.add_to_set("list", entries({"10.1.0.2"}));
  }
  const auto path = directory.path / file;
  std::filesystem::remove(path);
  if (std::string(kind) == "directory") {
    std::filesystem::create_directory(path);
  } else if (std::string(kind) == "FIFO") {
    REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  } else if (std::string(kind) == "link") {
    std::filesystem::create_symlink("/etc/hostname", path);
  } else if (std::string(kind) == "socket") {
    REQUIRE(mknod(path.c_str(), S_IFSOCK | 0600, 0) == 0);
  } else {
    std::ofstream(path) << "{}\n";
    if (std::string(kind) == "writable") {
      REQUIRE(chmod(path.c_str(), 0620) == 0);
    } else {
      REQUIRE(chown(path.c_str(), 65534, 65534) == 0);
    }
  }
  const auto open = [&] { const Firewall firewall({kSmall, directory.path, [](const std::string&) {}}); };
  CHECK_THROWS_WITH(open(), Catch::Contains(path.string()) && Catch::Matches("^E[A-Z]+: .*"));
  CHECK(std::filesystem::symlink_status(path).type() != std::filesystem::file_type::not_found);
}

TEST_CASE("a file of the state directory that is cut short, emptied or garbage is refused by its name") {
  const auto* file = GENERATE("format", "rules.json", "clock.json", "classes.json", "undo.json", "unfinished.json",
                              "sets/names.json", "sets/list.netset");
  const std::string content =
      GENERATE(std::string(), std::string("{"), std::string("\0\0\0\0", 4),
               std::string("{\"version\": 2, \"rules\": 5}\n"), std::string(100'000, '['), std::string("\xff\xfe{}\n"));
  INFO(file << ", " << content.substr(0, 40));
  const Directory directory;
  {
    Firewall firewall({kSmall, directory.path, [](const std::string&) {}});
    firewall.add_to_set("list", entries({"10.1.0.1"}));
  }
  std::ofstream(directory.path / file) << content;
  const auto open = [&] { const Firewall firewall({kSmall, directory.path, [](const std::string&) {}}); };
  CHECK_THROWS_WITH(open(), Catch::Contains((directory.path / file).string()));
}

TEST_CASE("of a mistyped path of the state directory nothing is made") {
  const Directory directory;
  const auto open = [](const std::filesystem::path& path) {
    const Firewall firewall({kSmall, path, [](const std::string&) {}});
  };
  const auto missing = directory.path / "lbi";
  CHECK_THROWS_WITH(open(missing / "nicsentry"),
                    Catch::StartsWith("ENOENT: making the directory " + (missing / "nicsentry").string() + ": " +
                                      missing.string() + " is missing"));
  CHECK_THROWS_WITH(open(missing / "a" / "b/"), Catch::Contains(": " + missing.string() + " is missing"));
  CHECK_FALSE(std::filesystem::exists(missing));
  open(missing);
  CHECK(std::filesystem::exists(missing / "rules.json"));
}

}  // namespace nicsentry::firewall_test
