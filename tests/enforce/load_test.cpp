// SPDX-License-Identifier: GPL-2.0-or-later
// Rulesets in place of what is in force, of a firewall without attachments: nothing of the kernel is needed.
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "host/enforce/firewall.h"
#include "host/lockout/vital_traffic.h"
#include "host/rules/language/address_text.h"
#include "tests/support/output_files.h"

namespace nicsentry::load_test {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using nlohmann::json;
using Texts = std::vector<std::string>;

constexpr TimestampNs kStart = 1'700'000'000'000'000'000;

struct Run {
  explicit Run(std::optional<std::filesystem::path> state = std::nullopt, FindVital vital = nullptr)
      : firewall([&] {
          Firewall::Options options;
          options.state = std::move(state);
          options.vital = std::move(vital);
          options.now = [this] { return now.load(); };
          return options;
        }()) {}

  Firewall::Loaded load(const std::string& text, const ChangeTerms& terms = {}) {
    return firewall.load(ruleset(text), terms);
  }
  Ruleset ruleset(const std::string& text) const { return parse_ruleset(json::parse(text), Chain::ingress, now); }
  std::size_t differences(const std::string& text) const { return firewall.compare(ruleset(text)).size(); }
  std::string exported() const { return firewall.ruleset().dump(); }
  Texts content(const std::string& set) const {
    Texts texts;
    for (const SetEntry& entry : firewall.entries(set)) texts.push_back(entry.range.text());
    return texts;
  }
  std::size_t rules(Chain chain) const { return firewall.rules(chain)->rules.size(); }
  void pass(std::chrono::nanoseconds time) {
    now += time.count();
    firewall.expire(now);
  }

  std::atomic<TimestampNs> now{kStart};
  Firewall firewall;
};

constexpr const char* kBoth =
    R"({"ingress": {"default": "drop", "rules": [{"src": "@office", "action": "accept"}, {"dport": 53}]},)"
    R"( "egress": {"accept_established": false, "rules": [{"dst": "@office", "action": "log"}]},)"
    R"( "sets": {"office": ["192.0.2.0/24", "198.51.100.1"]}})";

ChangeTerms confirmed_within(std::chrono::nanoseconds time) { return {false, time, {}}; }

TEST_CASE("both chains and sets become what the ruleset says; other sets stay, and the built-in ones") {
  Run run;
  run.firewall.block(std::vector<SetEntry>{{parse_address_range("203.0.113.1"), std::nullopt}});
  run.load(R"({"sets": {"other": ["10.0.0.1"], "office": ["10.0.0.2"]}})");
  const Firewall::Loaded loaded = run.load(kBoth);
  REQUIRE(loaded.chains[0]);
  CHECK(loaded.chains[0]->rules == 2);
  CHECK(loaded.chains[0]->kept == 0);
  REQUIRE(loaded.sets.size() == 1);
  CHECK(loaded.sets[0].entries == 2);
  CHECK(loaded.sets[0].changed);
  CHECK(run.firewall.rules(Chain::ingress)->default_action == RuleAction::drop);
  CHECK_FALSE(run.firewall.rules(Chain::egress)->accept_established);
  CHECK(run.content("office") == Texts{"192.0.2.0/24", "198.51.100.1"});
  CHECK(run.content("other") == Texts{"10.0.0.1"});
  CHECK(run.content("blocked") == Texts{"203.0.113.1"});
  CHECK(run.firewall.sets().size() == 4);  // what stood beside is gone

  CHECK(run.differences(kBoth) == 0);
  const Firewall::Loaded again = run.load(kBoth);
  CHECK(again.chains[0]->kept == 2);
  CHECK_FALSE(again.chains[0]->changed);
  CHECK_FALSE(again.sets[0].changed);
  CHECK(run.rules(Chain::ingress) == 2);

  CHECK(run.differences(R"({"rules": [], "default": "accept"})") == 3);
  run.load(R"({"rules": [{"dport": 53}]})");
  CHECK(run.rules(Chain::ingress) == 1);
  CHECK(run.rules(Chain::egress) == 1);
  CHECK(run.firewall.rules(Chain::ingress)->default_action == RuleAction::drop);
  CHECK_THROWS_WITH(run.load(R"({"sets": {"blocked": []}})"), Contains("sets.blocked: it is built in"));
}

TEST_CASE("a ruleset with an error changes nothing") {
  Run run;
  run.load(kBoth);
  const std::string before = run.exported();
  CHECK_THROWS_WITH(
      run.load(R"({"ingress": {"rules": []}, "egress": {"rules": [{"src": "@nobody"}]}, "sets": {"office": []}})"),
      Contains("egress.rules[0].src"));
  CHECK_THROWS_WITH(run.load(R"({"ingress": {"rules": [{"out": "eth0"}]}, "sets": {"new": []}})"), Contains("out"));
  // It does not fit, which is known only when the sets stand already.
  std::string counting;
  for (int i = 0; i < 8; ++i) counting += R"({"dport": "1-)" + std::to_string(1000 + i) + R"(", "action": "count"}, )";
  CHECK_THROWS(run.load(R"({"ingress": {"rules": [)" + counting +
                        R"({"src": "@new"}]}, "sets": {"new": ["10.0.0.1"], "office": ["10.0.0.1"]}})"));
  CHECK(run.exported() == before);
  CHECK(run.firewall.sets().size() == 3);
}

TEST_CASE("what is exported is loaded again as it was, by a run that has nothing") {
  Run run;
  run.load(kBoth);
  run.load(
      R"({"rules": [{"dport": 1, "expires": "10m"}], "sets": {"short": [{"range": "10.0.0.1", "expires": "5m"}]}})");
  CHECK(run.differences(run.exported()) == 0);
  Run other;
  other.load(run.exported());
  CHECK(other.exported() == run.exported());
  run.pass(6min);
  CHECK(run.differences(other.exported()) == 0);  // the entry is in neither
}

TEST_CASE("a ruleset survives in the state directory, and what one has there is a ruleset") {
  const test::TemporaryDirectory state;
  std::string exported;
  {
    Run run(state.path());
    run.load(kBoth);
    run.load(R"({"rules": [{"dport": 1, "expires": "10m"}]})");
    exported = run.exported();
    CHECK_FALSE(std::filesystem::exists(state.path() / "unfinished.json"));
  }
  Run again(state.path());
  CHECK(again.exported() == exported);
  again.pass(1min);
  CHECK(again.differences(R"({"rules": [{"dport": 1, "expires": "10m"}]})") == 0);  // it knows what it was given
  std::ifstream file(state.path() / "rules.json");
  Run other;
  other.load(R"({"sets": {"office": []}})");
  other.firewall.load(parse_ruleset(json::parse(file), Chain::ingress, kStart));
  CHECK(other.rules(Chain::egress) == 1);
}

TEST_CASE("a ruleset is taken back as a whole, unless it is confirmed") {
  const test::TemporaryDirectory state;
  std::string before;
  {
    Run run(state.path());
    run.load(R"({"rules": [{"src": "@office", "action": "drop"}], "sets": {"office": ["10.0.0.1"]}})");
    before = run.exported();
    run.load(R"({"ingress": {"rules": [{"src": "@new"}]}, "egress": {"default": "drop", "rules": []},)"
             R"( "sets": {"office": ["10.0.0.2"], "new": ["10.0.0.3"]}})",
             confirmed_within(10s));
    REQUIRE(run.firewall.unconfirmed());
    CHECK(run.firewall.unconfirmed()->second ==
          "the change of both chains and of the set 'new' and of the set 'office'");
    CHECK_THROWS_WITH(run.load(R"({"sets": {"office": []}})"), Contains("waits to be confirmed"));
    CHECK_THROWS_WITH(run.load(R"({"rules": []})"), Contains("waits to be confirmed"));
    run.pass(10s);
    CHECK(run.exported() == before);
    run.load(kBoth, confirmed_within(10s));
  }
  Run again(state.path());  // the run ended before it was confirmed
  CHECK(again.exported() == before);
  again.load(kBoth, confirmed_within(10s));
  again.firewall.confirm();
  again.pass(1min);
  CHECK(again.content("office") == Texts{"192.0.2.0/24", "198.51.100.1"});
}

TEST_CASE("a run that dies between two files leaves the ruleset before") {
  const test::TemporaryDirectory state;
  const auto unfinished = state.path() / "unfinished.json";
  std::string before;
  {
    Run run(state.path());
    run.load(R"({"rules": [{"src": "@office"}], "sets": {"office": ["10.0.0.1"]}})");
    before = run.exported();
    run.load(R"({"rules": [{"src": "@new"}], "sets": {"office": ["10.0.0.2"], "new": ["10.0.0.3"]}})",
             confirmed_within(1h));
    // The content while the files were written.
    std::filesystem::copy_file(state.path() / "undo.json", unfinished);
    run.firewall.confirm();
  }
  {
    Run again(state.path());
    CHECK(again.exported() == before);
    CHECK_FALSE(std::filesystem::exists(unfinished));
    CHECK(again.firewall.sets().size() == 3);
  }
}

TEST_CASE("a ruleset that would cut off what is vital is refused, also where a set of it would") {
  VitalPacket gateway;
  gateway.packet.source = parse_address_range("192.0.2.1").first;
  gateway.packet.destination = parse_address_range("192.0.2.9").first;
  gateway.by = CutOffBy::any;
  Run run(std::nullopt, [&](const Caller&, bool) { return std::vector<VitalPacket>{gateway}; });
  CHECK_NOTHROW(run.load(R"({"rules": [{"src": "@bad"}], "sets": {"bad": ["10.0.0.1"]}})"));
  const std::string before = run.exported();
  CHECK_THROWS_AS(run.load(R"({"sets": {"bad": ["192.0.2.0/24"]}})"), LockOut);
  CHECK_THROWS_AS(run.load(R"({"rules": [{"src": "192.0.2.1"}]})"), LockOut);
  CHECK_THROWS_AS(run.load(R"({"ingress": {"rules": [], "default": "drop"}})"), LockOut);
  CHECK(run.exported() == before);
  ChangeTerms yes;
  yes.yes = true;
  CHECK_NOTHROW(run.load(R"({"sets": {"bad": ["192.0.2.0/24"]}})", yes));
}

TEST_CASE("a default that is wanted all the same says what it cuts off") {
  VitalPacket gateway;
  gateway.what = "the gateway 192.0.2.1";
  gateway.packet.source = parse_address_range("192.0.2.1").first;
  gateway.packet.destination = parse_address_range("192.0.2.9").first;
  gateway.by = CutOffBy::any;
  Run run(std::nullopt, [&](const Caller&, bool) { return std::vector<VitalPacket>{gateway}; });
  ChangeTerms yes;
  yes.yes = true;
  const Texts cut_off = run.firewall.set_default(Chain::ingress, RuleAction::drop, yes);
  REQUIRE(cut_off.size() == 1);
  CHECK_THAT(cut_off[0], Contains("the gateway 192.0.2.1"));
  CHECK(run.firewall.set_default(Chain::ingress, RuleAction::drop, yes).empty());  // it was before
  CHECK(run.firewall.set_default(Chain::ingress, RuleAction::accept, yes).empty());
}

}  // namespace
}  // namespace nicsentry::load_test
