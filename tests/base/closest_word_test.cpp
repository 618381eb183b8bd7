// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/closest_word.h"

#include <array>
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

namespace nicsentry::closest_word_test {
namespace {

std::optional<std::string> closest(const std::string& word) {
  static const std::vector<std::string> kWords{"run", "rules", "replay", "block", "unblock", "--window", "--windows"};
  return closest_word(word, kWords);
}

TEST_CASE("the closest word is the one with the fewest edits") {
  CHECK(closest("rule") == "rules");         // left out
  CHECK(closest("blockk") == "block");       // inserted
  CHECK(closest("replau") == "replay");      // replaced
  CHECK(closest("rnu") == "run");            // swapped
  CHECK(closest("--windos") == "--window");  // the first of two with one edit each
  CHECK(closest("unblok") == "unblock");
}

TEST_CASE("a word that is far from all is close to none") {
  CHECK_FALSE(closest("fly"));
  CHECK_FALSE(closest("roles-of"));
  CHECK_FALSE(closest(""));
  CHECK_FALSE(closest_word("b", std::vector<std::string>{"a", "c"}));
  CHECK_FALSE(closest_word("run", {}));
}

TEST_CASE("what was meant stands behind an error, or nothing") {
  constexpr std::array kFields = {"sport", "dport"};
  CHECK(did_you_mean("dprot", kFields) == "; did you mean 'dport'?");
  CHECK(did_you_mean("mark", kFields).empty());
}

}  // namespace
}  // namespace nicsentry::closest_word_test
