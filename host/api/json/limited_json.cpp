// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/json/limited_json.h"

#include <charconv>
#include <system_error>
#include <utility>

#include "host/base/error.h"

namespace nicsentry {
namespace {

using json_fields::kBool;
using json_fields::kNumber;
using json_fields::kText;
using nlohmann::json;
using nlohmann::ordered_json;

ordered_json encode_limited(const LimitedAnswer::OfRule& limit) {
  ordered_json addresses = ordered_json::array();
  for (const LimitedAnswer::Address& one : limit.addresses) {
    ordered_json object = ordered_json::object();
    if (one.range) {
      object["address"] = *one.range;
    }
    object.update(
        {{"packets", one.dropped.packets}, {"bytes", one.dropped.bytes}, {"last_s", one.last_s}, {"now", one.now}});
    addresses.push_back(std::move(object));
  }
  return {{"rule", encode(limit.rule)},
          {"packets", limit.dropped.packets},
          {"bytes", limit.dropped.bytes},
          {"known", limit.known},
          {"now", limit.now},
          {"addresses", std::move(addresses)}};
}

LimitedAnswer::OfRule get_limited(Fields fields) {
  LimitedAnswer::OfRule limit;
  limit.rule = decode<NumberedRule>(fields.at("rule", "a rule"));
  limit.dropped = {fields.get<std::uint64_t>("packets", kNumber), fields.get<std::uint64_t>("bytes", kNumber)};
  limit.known = fields.get<std::size_t>("known", kNumber);
  limit.now = fields.get<std::size_t>("now", kNumber);
  const json& addresses = fields.list("addresses");
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    Fields one = fields.element("addresses", addresses, i);
    limit.addresses.push_back({one.find<std::string>("address", kText),
                               {one.get<std::uint64_t>("packets", kNumber), one.get<std::uint64_t>("bytes", kNumber)},
                               one.get<double>("last_s", kNumber),
                               one.get<bool>("now", kBool)});
  }
  return limit;
}

std::vector<LimitedAnswer::OfRule> get_limits(Fields& fields, const char* chain) {
  std::vector<LimitedAnswer::OfRule> limits;
  const json& list = fields.list(chain);
  for (std::size_t i = 0; i < list.size(); ++i) {
    limits.push_back(get_limited(fields.element(chain, list, i)));
  }
  return limits;
}

}  // namespace

ordered_json encode(const LimitedAnswer& answer) {
  ordered_json object = {{"ingress", ordered_json::array()}, {"egress", ordered_json::array()}};
  for (const LimitedAnswer::OfRule& limit : answer.ingress) {
    object["ingress"].push_back(encode_limited(limit));
  }
  for (const LimitedAnswer::OfRule& limit : answer.egress) {
    object["egress"].push_back(encode_limited(limit));
  }
  return object;
}

template <>
LimitedAnswer decode(const json& answer) {
  Fields fields(answer, Origin::answer);
  LimitedAnswer decoded;
  decoded.ingress = get_limits(fields, "ingress");
  decoded.egress = get_limits(fields, "egress");
  return decoded;
}

std::size_t parse_limited_query(const std::map<std::string, std::string>& query) {
  std::size_t top = kLimitedDefault;
  for (const auto& [name, value] : query) {
    if (name != "top") {
      throw BadRequest("query: '" + name + "' is unknown; allowed is top");
    }
    const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), top);
    if (failure != std::errc() || end != value.data() + value.size() || top > kLimitedMost) {
      throw BadRequest("top: read \"" + value + "\", allowed is a number from 0 to " + std::to_string(kLimitedMost));
    }
  }
  return top;
}

}  // namespace nicsentry
