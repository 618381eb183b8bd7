// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/json_reading.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>

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
}

TEST_CASE("text that is no JSON is told by line, column, what was read and what is allowed") {
  const std::string value = "a value: an object, a list, a text in double quotes, a number, true, false or null";
  const std::pair<std::string, std::string> wrong[] = {
      {"", "it is empty"},
      {" \n ", "it is empty"},
      {"{", "line 1, column 2: read the end, allowed is a name in double quotes"},
      {"{\"a\":\n1,}", "line 2, column 3: read \"}\", allowed is a name in double quotes"},
      {"{\"a\" 1}", "line 1, column 6: read \"1\", allowed is ':' behind a name"},
      {"{\"a\":1\n \"b\":2}", "line 2, column 2: read \"\"b\"\", allowed is ',' or '}'"},
      {"{\"a\": [1,\n2,]}", "line 2, column 3: read \"]\", allowed is " + value},
      {"[1\n  2]", "line 2, column 3: read \"2\", allowed is ',' or ']'"},
      {"[1, yes]", "line 1, column 5: read \"yes\", allowed is " + value},
      {"{'a': 1}", "line 1, column 2: read \"'a'\", allowed is a name in double quotes"},
      {"{\"a\": \"b", "line 1, column 9: read the end, allowed is '\"' at the end of a text"},
      {"{\"a\": \"b\n\"}",
       "line 1, column 9: read the end of the line, allowed is text with the escapes of JSON, such as \\n, \\\" and "
       "\\u0041"},
      {"[-]", "line 1, column 3: read \"]\", allowed is a number, such as 12 or -0.5"},
      {"[\"\xff\"]", "line 1, column 2: read \"\"?\"\", allowed is text in UTF-8"},
      {"[1] 2", "line 1, column 5: read \"2\", allowed is nothing behind the end"},
      {"[1]}", "line 1, column 4: read \"}\", allowed is nothing behind the end"}};
  for (const auto& [text, told] : wrong) {
    CAPTURE(text);
    CHECK(error_of(text) == "not JSON: " + told);
  }
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
