// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/cli/lifetime_option.h"

#include "host/cli/option_checks.h"
#include "host/rules/language/lifetime.h"

namespace nicsentry {

std::chrono::nanoseconds lifetime_option(const std::string& text) {
  const auto lifetime = parse_lifetime(text);
  if (!lifetime) {
    throw Error("lifetime '" + text + "': allowed is " + kLifetimeAllowed);
  }
  return *lifetime;
}

void add_lifetime_option(CLI::App& command, std::string& lifetime) {
  command
      .add_option("--for", lifetime,
                  "remove the entries after this time, such as 10m; a number alone: seconds (default: never)")
      ->check(understood_by(lifetime_option));
}

std::string lifetime_with_unit(const std::string& lifetime) {
  const bool number_alone = lifetime.find_last_not_of("0123456789. ") == std::string::npos;
  return number_alone ? lifetime + "s" : lifetime;
}

std::optional<std::chrono::nanoseconds> chosen_lifetime(const std::string& lifetime) {
  return lifetime.empty() ? std::nullopt : std::optional(lifetime_option(lifetime));
}

}  // namespace nicsentry
