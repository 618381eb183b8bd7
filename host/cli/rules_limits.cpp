// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/rules_limits.h"

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "host/api/client/controller.h"
#include "host/base/text_table.h"
#include "host/cli/command_parts.h"
#include "host/cli/controller_option.h"
#include "host/cli/log.h"
#include "host/cli/number_of.h"
#include "host/rules/language/rate_text.h"

namespace nicsentry {
namespace {

struct LimitsOptions {
  std::string interface;
  std::size_t top = kLimitedDefault;
  bool json = false;
};

std::string age_text(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f s ago", seconds);
  return text.data();
}

std::string title_of(const char* chain, const LimitedAnswer::OfRule& limited) {
  const Limit limit = limited.rule.rule.limit.value_or(Limit{});
  std::string text = std::string(chain) + " rule " + std::to_string(limited.rule.id) + ", " + rate_text(limit.rate) +
                     " per " + per_text(limit.key) + ": " + number_of(limited.dropped.packets, "packet", "packets") +
                     " dropped";
  if (limit.key.per == BucketKey::Per::rule) {
    return text + (limited.now != 0 ? ", beyond it now" : "");
  }
  return text + ", " + std::to_string(limited.now) + " of " + number_of(limited.known, "address", "addresses") +
         " beyond it now";
}

void print_limits(const char* chain, const std::vector<LimitedAnswer::OfRule>& limits) {
  for (const LimitedAnswer::OfRule& limited : limits) {
    std::printf("%s\n", title_of(chain, limited).c_str());
    if (limited.addresses.empty()) {
      continue;
    }
    TextTable table({{"ADDRESS"}, {"DROPPED", true}, {"BYTES", true}, {"LAST"}});
    for (const LimitedAnswer::Address& one : limited.addresses) {
      table.add({one.range.value_or("all"), std::to_string(one.dropped.packets), std::to_string(one.dropped.bytes),
                 age_text(one.last_s)});
    }
    std::fputs(table.text().c_str(), stdout);
    if (limited.known > limited.addresses.size()) {
      std::printf("(%zu more addresses)\n", limited.known - limited.addresses.size());
    }
  }
}

int show_limits(const LimitsOptions& options) {
  set_up_log(false);
  const LimitedAnswer answer = Controller::of_port(options.interface).limited(options.top);
  if (options.json) {
    std::printf("%s\n", printed_json(encode(answer), 2).c_str());
    return kExitSuccess;
  }
  if (answer.ingress.empty() && answer.egress.empty()) {
    std::printf("no rule limits\n");
  }
  print_limits("ingress", answer.ingress);
  print_limits("egress", answer.egress);
  return kExitSuccess;
}

}  // namespace

void add_limits_command(CLI::App& rules, Action& chosen) {
  const auto options = std::make_shared<LimitsOptions>();
  CLI::App* command =
      add_part(rules, "limits", "the rules that limit, and who is beyond their rates", options, show_limits, chosen);
  command->add_option("--top", options->top, "so many addresses of each, those with the most packets dropped")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{0}, kLimitedMost));
  command->add_flag("--json", options->json, "print JSON");
  add_controller_option(*command, options->interface);
  command->footer("Example:\n  nicsentry rules limits --top 20 -i eth0");
}

}  // namespace nicsentry
