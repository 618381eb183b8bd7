// SPDX-License-Identifier: GPL-2.0-or-later
// Which packets reach the log, and what their records say, against the plainest firewall there is.
#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <utility>
#include <vector>

#include "host/analysis/attachment.h"
#include "host/datapath/object_file.h"
#include "host/datapath/test_run.h"
#include "host/enforce/firewall.h"
#include "host/enforce/firewall_log.h"
#include "host/rules/language/batch.h"
#include "host/rules/language/chain_settings.h"
#include "host/rules/language/rule_text.h"
#include "host/sessions/fingerprint.h"
#include "tests/support/naive_firewall.h"
#include "tests/support/packet_builder.h"
#include "tests/support/program_pool.h"
#include "tests/support/random_rules.h"
#include "tests/support/tries.h"

namespace nicsentry::logged_packets_test {
using nlohmann::json;
using testing::NaiveVerdict;

namespace {

constexpr FirewallSize kRoom{2 * 65536, 6 * 8192, 4096};
constexpr TableSize kFewSessions{64, 6};

// Makes rules of the chain, without those that the language refuses.
Batch accepted_rules(ChainRules& chain) {
  json operations = json::array();
  std::erase_if(chain.rules, [&operations](const Rule& rule) {
    json fields = rule_json(rule, 0, 0);
    fields.erase("id");
    RuleErrors errors;
    parse_rule(fields, 0, errors);
    fields["operation"] = "append";
    if (errors.empty()) operations.push_back(std::move(fields));
    return !errors.empty();
  });
  return parse_batch({{"rules", operations}, {"unjudged", unjudged_name(chain.drop_unjudged)}}, 0);
}

// A program on no port, all of whose events are read.
class Port {
 public:
  Port()
      : Port(testing::pooled_program(
            {.object = find_object(kSentry, Target::xdp), .size = kFewSessions, .firewall = kRoom})) {}

  void put_in_force(ChainRules& chain) {
    firewall_.replace_rules(Chain::ingress, accepted_rules(chain));
    firewall_.set_default(Chain::ingress, chain.default_action);
    firewall_.accept_established(Chain::ingress, chain.accept_established);
  }

  // The records that a packet causes.
  std::vector<json> records_of(std::span<const std::uint8_t> frame) {
    keys_ = following_keys(keys_);  // no answer to an earlier packet is expected
    attachment_->set_keys(keys_);
    run_.run(frame);
    EventBatch events;
    REQUIRE(attachment_->reader().drain(events) == 0);
    std::vector<json> records;
    for (const EventBatch::Event& event : events.events()) {
      if ((event.header.verdict & ACTION_LOG) == 0) continue;
      const auto rule = firewall_.deciding_rule(attachment_->program().firewall(), event.header.action);
      records.push_back(
          json::parse(log_record(attachment_->name(), rule, event.timestamp_ns, event.header, events.packet(event))));
    }
    return records;
  }

 private:
  explicit Port(Program program) : run_(program) {
    firewall_.add_attachment(program.shared_firewall(), Chain::ingress);
    attachment_ = Attachment::fresh({"test", "xdp", "drv"}, std::move(program), {64, keys_, run_.cpu()});
    attachment_->start(1);
  }

  FingerprintKeys keys_ = fixed_keys();
  TestRun run_;
  Firewall firewall_{{kRoom, std::nullopt, [](const std::string& text) { FAIL(text); }}};
  std::unique_ptr<Attachment> attachment_;
};

}  // namespace

TEST_CASE("the packets that are logged, and the verdicts in their records, are those of a naive first match") {
  Port port;
  testing::RandomRules random(26);
  const testing::NaiveSets no_sets{{"blocked", {}}};
  std::size_t passed = 0;
  std::size_t dropped = 0;
  for (int number = 0; number < testing::tries(200, 20); ++number) {
    ChainRules chain = random.chain(1 + random.below(30), {});
    port.put_in_force(chain);
    for (int i = 0; i < 50; ++i) {
      const auto packet = random.packet(chain, {});
      const NaiveVerdict verdict = judge(chain, false, no_sets, packet.fields);
      INFO("rule set " << number << ", packet " << i << ", rule " << verdict.rule.value_or(chain.rules.size()));
      const std::vector<json> records = port.records_of(packet.frame);
      REQUIRE(records.size() == (verdict.logged ? 1 : 0));
      if (!verdict.logged) continue;
      REQUIRE(records[0].at("rule") == *verdict.rule);
      REQUIRE(records[0].at("verdict") == (verdict.drop ? "drop" : "accept"));
      (verdict.drop ? dropped : passed) += 1;
    }
  }
  CHECK(dropped > 50);
  CHECK(passed > 50);
}

TEST_CASE("a record says for how many packets it stands where its rule samples them, and only there") {
  const auto record_of = [](const json& log) {
    RuleErrors errors;
    const Firewall::Deciding rule{3, std::make_shared<const Rule>(parse_rule({{"log", log}}, 0, errors))};
    REQUIRE(errors.empty());
    event_header header{};
    header.verdict = ACTION_DROP | ACTION_LOG;
    return json::parse(log_record({"p", "xdp", "drv"}, rule, 0, header, {}));
  };
  CHECK(record_of({{"every", 100}}).at("every") == 100);
  CHECK_FALSE(record_of(true).contains("every"));
}

TEST_CASE("a record has the VLANs of its packet where a tag names one") {
  const auto vlan_of = [](const testing::Bytes& frame) {
    event_header header{};
    header.verdict = ACTION_DROP | ACTION_LOG;
    return json::parse(log_record({"p", "xdp", "drv"}, std::nullopt, 0, header, frame)).value("vlan", "none");
  };
  const auto packet = [](std::initializer_list<std::uint16_t> vlans) {
    testing::PacketBuilder builder;
    IpAddress address;
    address.bytes = {10, 0, 0, 1};
    builder.addresses(address, address);
    for (const std::uint16_t vlan : vlans) builder.vlan(0x8100, vlan);
    return builder;
  };
  CHECK(vlan_of(packet({}).udp(1, 2).build()) == "none");
  CHECK(vlan_of(packet({0}).udp(1, 2).build()) == "none");
  CHECK(vlan_of(packet({10}).udp(1, 2).build()) == "10");
  CHECK(vlan_of(packet({10, 20}).udp(1, 2).build()) == "10.20");
  CHECK(vlan_of(packet({10}).ipv4_fragment(5, true).udp(1, 2).build()) == "10");  // it has no ports
}

}  // namespace nicsentry::logged_packets_test
