// SPDX-License-Identifier: GPL-2.0-or-later
// Changes that wait to be confirmed, of a firewall without attachments: nothing of the kernel is needed.
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/enforce/firewall.h"
#include "host/rules/language/address_text.h"
#include "tests/support/output_files.h"

namespace nicsentry::undo_test {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using nlohmann::json;

constexpr TimestampNs kStart = 1'700'000'000'000'000'000;

std::vector<VitalPacket> gateway_alone() {
  VitalPacket gateway;
  gateway.packet.source = parse_address_range("192.0.2.1").first;
  gateway.packet.protocol = 253;
  gateway.by = CutOffBy::naming;
  gateway.what = gateway.one_of = "the gateway";
  return {gateway};
}

struct Run {
  explicit Run(std::optional<std::filesystem::path> state = std::nullopt, TimestampNs start = kStart)
      : now(start), firewall([&] {
          Firewall::Options options;
          options.state = std::move(state);
          options.warning = [this](const std::string& text) { warn(text); };
          options.now = [this] { return now.load(); };
          return options;
        }()) {}

  void pass(std::chrono::nanoseconds time) {
    now += time.count();
    firewall.expire(now);
  }

  // "203.0.113.1", "203.0.113.2 +10s": entries of a set, with the time that is left.
  std::vector<std::string> content(const std::string& set) const {
    std::vector<std::string> texts;
    for (const SetEntry& entry : firewall.entries(set)) {
      texts.push_back(entry.range.text() +
                      (entry.expires_ns ? " +" + std::to_string((*entry.expires_ns - now) / 1'000'000'000) + "s" : ""));
    }
    return texts;
  }

  // The firewall's own thread may come first, and warns then that it has to try again.
  void warn(const std::string& text) {
    const std::lock_guard lock(mutex);
    if (!text.starts_with("could not do what was due")) {
      warnings += text + "\n";
    }
  }
  std::string take_warnings() {
    const std::lock_guard lock(mutex);
    return std::exchange(warnings, {});
  }

  std::mutex mutex;
  std::string warnings;
  std::atomic<TimestampNs> now;
  Firewall firewall;
};

std::vector<SetEntry> entries(const std::vector<std::string>& texts, std::optional<TimestampNs> end = std::nullopt) {
  std::vector<SetEntry> made;
  for (const std::string& text : texts) made.push_back({parse_address_range(text), end});
  return made;
}

Batch drop_from(const std::string& source) {
  return parse_batch({{"rules", {{{"operation", "append"}, {"src", source}, {"action", "drop"}}}}}, kStart);
}

ChangeTerms confirmed_within(std::chrono::nanoseconds time) { return {false, time, {}}; }

using Texts = std::vector<std::string>;

TEST_CASE("a change of a chain is taken back in time, unless it is confirmed") {
  Run run;
  run.firewall.apply(Chain::ingress, drop_from("203.0.113.1"));
  run.firewall.apply(Chain::ingress, drop_from("203.0.113.2"), confirmed_within(10s));
  REQUIRE(run.firewall.unconfirmed());
  CHECK(run.firewall.unconfirmed()->second == "the change of the ingress chain");
  CHECK(run.firewall.unconfirmed()->first == kStart + 10'000'000'000);
  CHECK_THROWS_WITH(run.firewall.set_default(Chain::ingress, RuleAction::drop), Contains("waits to be confirmed"));
  CHECK_THROWS_WITH(run.firewall.add_to_set("blocked", entries({"203.0.113.3"}), confirmed_within(1s)),
                    Contains("still waits to be confirmed"));
  run.firewall.set_default(Chain::egress, RuleAction::drop);
  run.pass(9s);
  CHECK(run.firewall.rules(Chain::ingress)->rules.size() == 2);
  run.pass(1s);
  CHECK(run.firewall.rules(Chain::ingress)->rules.size() == 1);
  CHECK(run.firewall.rules(Chain::egress)->default_action == RuleAction::drop);
  CHECK_FALSE(run.firewall.unconfirmed());
  CHECK_THAT(run.take_warnings(), Contains("was not confirmed; it is taken back"));
  CHECK_THROWS_WITH(run.firewall.confirm(), "no change waits to be confirmed");

  run.firewall.set_default(Chain::ingress, RuleAction::drop, confirmed_within(10s));
  run.firewall.confirm();
  run.pass(60s);
  CHECK(run.firewall.rules(Chain::ingress)->default_action == RuleAction::drop);
}

TEST_CASE("what is taken back of a set is what the change did, and nothing else") {
  Run run;
  run.firewall.block(entries({"203.0.113.1"}));
  run.firewall.block(entries({"203.0.113.2"}, kStart + 3'600'000'000'000));
  SECTION("of added entries") {
    ChangeTerms terms = confirmed_within(10s);
    terms.shorten = true;
    run.firewall.add_to_set("blocked", entries({"203.0.113.1", "203.0.113.2", "203.0.113.3"}, kStart + 60'000'000'000),
                            terms);
    run.firewall.block(entries({"203.0.113.4"}));
    run.pass(10s);
    CHECK(run.content("blocked") == Texts{"203.0.113.1", "203.0.113.2 +3590s", "203.0.113.4"});
  }
  SECTION("of removed entries") {
    run.firewall.take_from_set("blocked", std::vector{parse_address_range("203.0.113.2")}, confirmed_within(10s));
    CHECK(run.content("blocked") == Texts{"203.0.113.1"});
    run.pass(10s);
    CHECK(run.content("blocked") == Texts{"203.0.113.1", "203.0.113.2 +3590s"});
  }
  SECTION("of a content that was replaced") {
    run.firewall.replace_set("blocked", entries({"203.0.113.2", "203.0.113.9"}), confirmed_within(10s));
    run.pass(10s);
    CHECK(run.content("blocked") == Texts{"203.0.113.1", "203.0.113.2 +3590s"});
  }
}

TEST_CASE("what a later change has is not taken back") {
  Run run;
  run.firewall.add_to_set("blocked", entries({"203.0.113.1", "203.0.113.2"}), confirmed_within(10s));
  run.firewall.block(entries({"203.0.113.1"}));
  run.pass(10s);
  CHECK(run.content("blocked") == Texts{"203.0.113.1"});
  run.firewall.take_from_set("blocked", std::vector{parse_address_range("203.0.113.1")}, confirmed_within(10s));
  run.firewall.unblock(std::vector{parse_address_range("203.0.113.1")});
  run.pass(10s);
  CHECK(run.content("blocked").empty());
  run.firewall.add_to_set("blocked", entries({"203.0.113.1"}), confirmed_within(10s));
  CHECK_THROWS_WITH(run.firewall.replace_set("blocked", {}), Contains("the change of the set 'blocked' waits"));
  run.firewall.add_to_set("other", entries({"203.0.113.1"}));
  run.firewall.replace_set("other", {});
}

TEST_CASE("a change is taken back also where the state directory cannot be written, and saved later") {
  const test::TemporaryDirectory state;
  Run run(state.path());
  run.firewall.set_default(Chain::ingress, RuleAction::drop, confirmed_within(10s));
  const auto rules = state.path() / "rules.json";
  std::filesystem::remove(rules);
  std::filesystem::create_directories(rules / "in the way");
  CHECK_THROWS(run.pass(10s));
  CHECK(run.firewall.rules(Chain::ingress)->default_action == RuleAction::accept);
  CHECK_THAT(run.take_warnings(), Contains("it is taken back"));
  std::filesystem::remove_all(rules);
  run.firewall.set_default(Chain::egress, RuleAction::drop);
  run.pass(1s);
  CHECK_FALSE(run.firewall.unconfirmed());
  CHECK_FALSE(std::filesystem::exists(state.path() / "undo.json"));
  CHECK_THAT(run.take_warnings(), Contains("all that is in force is saved again"));
}

TEST_CASE("what was taken back of a set is saved before another change can wait") {
  const test::TemporaryDirectory state;
  {
    Run run(state.path());
    run.firewall.block(entries({"203.0.113.1"}));
    run.firewall.block(entries({"203.0.113.1"}));
    run.firewall.add_to_set("blocked", entries({"203.0.113.2"}), confirmed_within(10s));
    const auto netset = state.path() / "sets" / "blocked.netset";
    const auto aside = state.path() / "aside";
    std::filesystem::rename(netset, aside);
    std::filesystem::create_directories(netset / "in the way");
    CHECK_THROWS(run.pass(10s));
    CHECK(run.content("blocked") == Texts{"203.0.113.1"});
    CHECK_THROWS(run.firewall.set_default(Chain::ingress, RuleAction::drop, confirmed_within(10s)));
    CHECK(run.firewall.rules(Chain::ingress)->default_action == RuleAction::accept);
    std::filesystem::remove_all(netset);
    std::filesystem::rename(aside, netset);
    run.firewall.set_default(Chain::ingress, RuleAction::drop, confirmed_within(10s));
  }
  const Run next(state.path());
  CHECK(next.content("blocked") == Texts{"203.0.113.1"});
}

TEST_CASE("a rule that is to end does not hide what is cut off then") {
  Firewall::Options options;
  options.now = [] { return kStart; };
  options.vital = [](const Caller&, bool) {
    VitalPacket own;
    own.packet.source = parse_address_range("192.0.2.9").first;
    own.packet.protocol = 6;
    own.what = own.one_of = "your own connection";
    return std::vector{own};
  };
  Firewall firewall(options);
  const auto accept = [](const char* operation, std::optional<std::string> expires) {
    json rule{{"operation", operation}, {"id", 0}, {"src", "192.0.2.9"}, {"action", "accept"}};
    if (expires) rule["expires"] = *expires;
    return parse_batch({{"rules", {rule}}}, kStart);
  };
  firewall.apply(Chain::ingress, accept("insert", std::nullopt));
  firewall.set_default(Chain::ingress, RuleAction::drop);
  CHECK_THROWS_AS(firewall.apply(Chain::ingress, accept("update", "2s")), LockOut);
  firewall.apply(Chain::ingress, accept("insert", "2s"));
  firewall.apply(Chain::ingress, drop_from("203.0.113.1"));
}

TEST_CASE("an undo file that is wrong is refused before anything is written") {
  const test::TemporaryDirectory state;
  {
    Run first(state.path());
    first.firewall.block(entries({"203.0.113.1"}));
    first.firewall.set_default(Chain::ingress, RuleAction::drop);
  }
  const std::string chain =
      R"({"default": "accept", "accept_established": true, "unjudged": "drop", "non_ip": "all", )";
  const std::string of_chain = R"({"version": 2, "due_ns": 1, "chain": )";
  const std::string of_set = R"({"version": 2, "due_ns": 1, "set": )";
  for (const std::string& wrong : std::vector<std::string>{
           of_chain + R"("forward", "before": )" + chain + R"("rules": []}})", of_chain + R"("ingress", "before": {}})",
           of_chain + R"("ingress", "before": )" + chain + R"("rules": [{"src": "@nobody", "action": "drop"}]}})",
           of_set + R"("blocked", "lines": [""]})", of_set + R"("blocked", "lines": ["x1.1.1.1"]})",
           of_set + R"("../x", "lines": []})"}) {
    INFO(wrong);
    std::ofstream(state.path() / "undo.json") << wrong;
    CHECK_THROWS_WITH(Run(state.path()), Contains("undo.json"));
    std::filesystem::remove(state.path() / "undo.json");
    Run again(state.path());
    CHECK(again.firewall.rules(Chain::ingress)->default_action == RuleAction::drop);
    CHECK(again.content("blocked") == Texts{"203.0.113.1"});
  }
}

TEST_CASE("a set that the change made goes again, and none goes that the rules before need") {
  Run run;
  run.firewall.add_to_set("office", entries({"192.0.2.0/24"}), confirmed_within(10s));
  run.pass(10s);
  CHECK_THROWS(run.firewall.entries("office"));

  run.firewall.add_to_set("office", entries({"192.0.2.0/24"}));
  run.firewall.apply(Chain::ingress, drop_from("@office"));
  run.firewall.replace_rules(Chain::ingress, drop_from("203.0.113.1"), confirmed_within(10s));
  CHECK_THROWS_WITH(run.firewall.remove_set("office"), Contains("the change of the ingress chain waits"));
  run.pass(10s);
  CHECK(run.firewall.rules(Chain::ingress)->rules.at(0).match.source.sets == Texts{"office"});
}

TEST_CASE("a change that fails does not wait to be confirmed") {
  Run run;
  CHECK_THROWS(run.firewall.apply(Chain::ingress, drop_from("@nowhere"), confirmed_within(10s)));
  CHECK_THROWS(run.firewall.take_from_set("nowhere", std::vector{parse_address_range("::1")}, confirmed_within(10s)));
  CHECK_FALSE(run.firewall.unconfirmed());
}

TEST_CASE("the next run takes back what the last one left unconfirmed") {
  const test::TemporaryDirectory state;
  const auto undo = state.path() / "undo.json";
  {
    Run first(state.path());
    first.firewall.block(entries({"203.0.113.1"}));
    first.firewall.set_default(Chain::ingress, RuleAction::drop, confirmed_within(60s));
    CHECK(std::filesystem::exists(undo));
  }
  {
    Run second(state.path());
    CHECK_THAT(second.take_warnings(),
               Contains("the change of the ingress chain was not confirmed before the last run ended"));
    CHECK(second.firewall.rules(Chain::ingress)->default_action == RuleAction::accept);
    CHECK_FALSE(std::filesystem::exists(undo));
    second.firewall.take_from_set("blocked", std::vector{parse_address_range("203.0.113.1")}, confirmed_within(60s));
    second.firewall.block(entries({"203.0.113.2"}, kStart + 3'600'000'000'000));
  }
  {
    Run third(state.path());
    CHECK(third.content("blocked") == Texts{"203.0.113.1", "203.0.113.2 +3600s"});
    third.firewall.set_default(Chain::ingress, RuleAction::drop, confirmed_within(60s));
    third.firewall.confirm();
    CHECK_FALSE(std::filesystem::exists(undo));
  }
  Run fourth(state.path());
  CHECK(fourth.take_warnings().empty());
  CHECK(fourth.firewall.rules(Chain::ingress)->default_action == RuleAction::drop);
}

TEST_CASE("an entry of `allowed` is not taken while it keeps what is vital from being blocked") {
  Firewall::Options options;
  options.now = [] { return kStart; };
  options.vital = [](const Caller&, bool) { return gateway_alone(); };
  Firewall firewall(options);
  const std::vector allowed{parse_address_range("192.0.2.1")};
  CHECK_THROWS_AS(firewall.block(entries({"192.0.2.0/24"})), LockOut);
  firewall.add_to_set("allowed", entries({"192.0.2.1"}));
  firewall.block(entries({"192.0.2.0/24"}));
  CHECK_THROWS_AS(firewall.take_from_set("allowed", allowed), LockOut);
  CHECK_THROWS_AS(firewall.replace_set("allowed", entries({"192.0.2.2"})), LockOut);
  CHECK(firewall.entries("allowed").size() == 1);
  ChangeTerms yes;
  yes.yes = true;
  CHECK(firewall.take_from_set("allowed", allowed, yes).changed == 1);
}

TEST_CASE("a change that cuts off what is vital is refused as a whole, unless its terms say yes") {
  int looks = 0;
  std::optional<pid_t> asked_for;
  Firewall::Options options;
  options.now = [] { return kStart; };
  options.vital = [&](const Caller& caller, bool) {
    ++looks;
    asked_for = caller.process;
    return gateway_alone();
  };
  Firewall firewall(options);
  const ChangeTerms terms{false, std::nullopt, {77, std::nullopt}};
  CHECK_THROWS_AS(firewall.add_to_set("blocked", entries({"203.0.113.1", "192.0.2.0/24"}), terms), LockOut);
  CHECK(asked_for == 77);
  CHECK(firewall.entries("blocked").empty());
  CHECK_THROWS_AS(firewall.replace_set("blocked", entries({"192.0.0.0/16"}), terms), LockOut);
  CHECK_THROWS_AS(firewall.apply(Chain::ingress, drop_from("192.0.2.1"), terms), LockOut);
  CHECK(firewall.rules(Chain::ingress)->rules.empty());

  firewall.add_to_set("office", entries({"192.0.2.1"}), terms);
  firewall.add_to_set("spare", entries({"192.0.2.0/24"}), terms);
  looks = 0;
  firewall.take_from_set("spare", std::vector{parse_address_range("192.0.2.0/24")}, terms);
  CHECK(looks == 0);  // no rule uses it
  firewall.apply(Chain::ingress,
                 parse_batch({{"rules",
                               {{{"operation", "append"}, {"src", "@office"}, {"action", "accept"}},
                                {{"operation", "append"}, {"src", "192.0.2.0/24"}, {"action", "drop"}}}}},
                             kStart),
                 terms);
  CHECK_THROWS_AS(firewall.take_from_set("office", std::vector{parse_address_range("192.0.2.1")}, terms), LockOut);
  CHECK_THROWS_AS(firewall.replace_set("office", {}, terms), LockOut);
  firewall.add_to_set("office", entries({"192.0.2.0/24"}), terms);
  firewall.take_from_set("office", std::vector{parse_address_range("192.0.2.1")}, terms);  // the prefix still has it

  looks = 0;
  firewall.add_to_set("blocked", entries({"192.0.2.1"}), {true, std::nullopt, {}});
  CHECK(looks == 0);
  firewall.add_to_set("blocked", entries({"192.0.2.0/24"}), terms);  // it is cut off already
  CHECK(firewall.entries("blocked").size() == 2);
}

}  // namespace
}  // namespace nicsentry::undo_test
