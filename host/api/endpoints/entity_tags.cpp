// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/api/endpoints/entity_tags.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "host/base/error.h"
#include "host/rules/language/rule_text.h"

namespace nicsentry {
namespace {

constexpr std::size_t kTagBytes = 16;

// Addresses of a set may come from outside: a hash for which nobody finds two contents.
std::string tag_of(std::string_view content) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::array<unsigned char, 32> hash{};
  if (gnutls_hash_fast(GNUTLS_DIG_SHA256, content.data(), content.size(), hash.data()) < 0) {
    throw Error("computing an entity tag: SHA-256 failed");
  }
  std::string tag = "\"";
  for (std::size_t i = 0; i < kTagBytes; ++i) {
    tag += {kHex[hash.at(i) >> 4U], kHex[hash.at(i) & 0xFU]};
  }
  return tag + "\"";
}

std::string end_text(const std::optional<TimestampNs>& expires_ns) {
  return expires_ns ? " until " + std::to_string(*expires_ns) + "\n" : "\n";
}

std::string chain_content(const ChainRules& chain) {
  std::string content = chain.default_action == RuleAction::drop ? "drop" : "accept";
  content += chain.accept_established ? " established" : "";
  content += chain.drop_unjudged ? " unjudged" : "";
  if (chain.non_ip) {
    content += " non-ip";
    for (const std::uint16_t type : *chain.non_ip) {
      content += " " + std::to_string(type);
    }
  }
  content += "\n";
  for (std::size_t i = 0; i < chain.rules.size(); ++i) {
    Rule rule = chain.rules[i];
    const auto end = std::exchange(rule.expires_ns, std::nullopt);
    content += rule_json(rule, i, 0).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    content += end_text(end);
  }
  return content;
}

std::string rules_content(const Firewall& firewall) {
  return chain_content(*firewall.rules(Chain::ingress)) + "\n" + chain_content(*firewall.rules(Chain::egress));
}

std::string set_content(const Firewall& firewall, const std::string& set) {
  std::vector<std::string> lines;
  for (const SetEntry& entry : firewall.entries(set)) {
    lines.push_back(entry.range.text() + end_text(entry.expires_ns));
  }
  std::sort(lines.begin(), lines.end());  // in whatever order a program holds them
  std::string content = set + "\n";
  for (const std::string& line : lines) {
    content += line;
  }
  return content;
}

std::vector<std::string> tags_in(const std::string& header) {
  std::vector<std::string> tags;
  std::string_view rest = header;
  const auto skip = [&rest](std::string_view letters) {
    rest.remove_prefix(std::min(rest.find_first_not_of(letters), rest.size()));
  };
  for (skip(" \t,"); !rest.empty(); skip(" \t,")) {
    const std::size_t end = rest.front() == '"' ? rest.find('"', 1) : std::string_view::npos;
    if (end == std::string_view::npos) {
      throw BadRequest("If-Match: read '" + header + "', allowed is * or entity tags in quotes, as an ETag has them");
    }
    tags.emplace_back(rest.substr(0, end + 1));
    rest.remove_prefix(end + 1);
  }
  if (tags.empty()) {  // as of a script whose variable is empty: it means to have a condition
    throw BadRequest("If-Match: it is empty, allowed is * or entity tags in quotes, as an ETag has them");
  }
  return tags;
}

}  // namespace

std::string rules_tag(const Firewall& firewall) { return tag_of(rules_content(firewall)); }

std::string set_tag(const Firewall& firewall, const std::string& set) {
  try {
    return tag_of(set_content(firewall, set));
  } catch (const NotFound&) {
    return {};
  }
}

std::string ruleset_tag(const Firewall& firewall) {
  std::string content = rules_content(firewall);
  for (const auto& set : firewall.sets()) {
    if (!AddressSets::built_in(set.name)) {
      content += "\n" + set_content(firewall, set.name);
    }
  }
  return tag_of(content);
}

Response tagged(const nlohmann::ordered_json& answer, const std::string& tag) {
  Response response;
  response.body = answer.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  response.headers.emplace_back("ETag", tag);
  return response;
}

void require_tag(ChangeTerms& terms, const Request& request, std::function<std::string()> tag) {
  if (!request.if_match) {
    return;
  }
  const bool any = *request.if_match == "*";
  terms.precondition = [any, wanted = any ? std::vector<std::string>() : tags_in(*request.if_match),
                        tag = std::move(tag)] {
    const std::string present = tag();
    const bool fits = any ? !present.empty() : std::find(wanted.begin(), wanted.end(), present) != wanted.end();
    if (!fits) {
      throw PreconditionFailed(present.empty()
                                   ? std::string("If-Match: there is no such set any more; nothing was changed")
                                   : "If-Match: it was changed meanwhile, and is " + present +
                                         " now; read it again, nothing was changed");
    }
  };
}

}  // namespace nicsentry
