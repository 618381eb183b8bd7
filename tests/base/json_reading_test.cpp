// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/json_reading.h"

#include <catch2/catch.hpp>
#include <string>

#include "host/base/error.h"

namespace nicsentry::json_reading_test {
namespace {

std::string error_of(const std::string& text) {
  try {
    parse_json(text);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

std::string nested(std::size_t levels) {
  const std::size_t inner = levels - 1;
  return "{\"rules\":" + std::string(inner, '[') + std::string(inner, ']') + "}";
}

TEST_CASE("JSON from outside reads as it stands") {
  CHECK(parse_json(R"({"rules": [{"id": 1}, {"id": 1, "a": {"id": 2}}], "a": null})") ==
        nlohmann::json{{"rules", {{{"id", 1}}, {{"id", 1}, {"a", {{"id", 2}}}}}}, {"a", nullptr}});
  CHECK_THAT(error_of(""), Catch::Contains("not JSON"));
  CHECK_THAT(error_of("{\"a\":\n1,}"), Catch::Contains("not JSON") && Catch::Contains("line 2"));
}

TEST_CASE("JSON that is nested too deep to be copied is refused, however deep") {
  CHECK(error_of(nested(kJsonLevelsMax)).empty());
  CHECK_THAT(error_of(nested(kJsonLevelsMax + 1)), Catch::Equals("nested more than 64 levels deep"));
  CHECK_THAT(error_of(nested(1'000'000)), Catch::Equals("nested more than 64 levels deep"));
}

TEST_CASE("a key that an object has twice is told with its place, as the first one would be lost") {
  CHECK_THAT(error_of(R"({"a": 1, "a": 1})"), Catch::Equals("\"a\": read twice, allowed is once in an object"));
  CHECK_THAT(error_of(R"({"rules": [3, {"src": [1, 2]}, {"src": "x", "dst": "y", "src": "z"}, {"id": 1, "id": 1}]})"),
             Catch::Equals("rules, number 3: \"src\": read twice, allowed is once in an object\n"
                           "rules, number 4: \"id\": read twice, allowed is once in an object"));
  std::string many = "{\"a\":0";
  for (int i = 0; i < 25; ++i) {
    many += ",\"a\":0";
  }
  CHECK_THAT(error_of(many + "}"), Catch::EndsWith("object\nand 5 more"));
}

}  // namespace
}  // namespace nicsentry::json_reading_test
