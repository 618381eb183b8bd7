// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/config/configuration.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <string>
#include <vector>

#include "host/base/error.h"
#include "tests/support/output_files.h"

namespace nicsentry::configuration_test {
using namespace config;
using test::TemporaryDirectory;
namespace {

std::string fault_of_speed(const std::vector<std::string>& values) {
  return values.front() == "fast" || values.front() == "slow" ? ""
                                                              : "'" + values.front() + "', allowed is fast or slow";
}

std::string fault_of_pair(const std::vector<std::string>& values) {
  return values.size() > 1 && values[0] == values[1] ? "'" + values[0] + "' twice" : "";
}

const std::vector<Option> kOptions{{"interface", Kind::list, {}, {}, false},
                                   {"speed", Kind::text, {"slow"}, fault_of_speed, true},
                                   {"count", Kind::number, {"7"}, {}, false},
                                   {"quiet", Kind::flag, {}, {}, false},
                                   {"names", Kind::list, {}, fault_of_pair, false}};

class Folder {
 public:
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_.path() / name) << text;
    return directory_.path() / name;
  }
  std::filesystem::path path() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
};

// The mistakes of one file, without its path.
std::vector<std::string> mistakes_of(const std::string& text) {
  const Folder folder;
  const auto path = folder.write("a.conf", text);
  std::vector<std::string> mistakes = read({{path, false}}, kOptions).mistakes;
  for (std::string& mistake : mistakes) {
    REQUIRE(mistake.starts_with(path.string() + ":"));
    mistake.erase(0, path.string().size() + 1);
  }
  return mistakes;
}

}  // namespace

TEST_CASE("a file's values have the option's name, their text and their line") {
  const Folder folder;
  const auto path = folder.write("a.conf",
                                 "# first\n"
                                 "speed = \"fast\"\n"
                                 "\n"
                                 "count = 12   # rest\n"
                                 "names = [\"one\",\n"
                                 "         'two']\n"
                                 "quiet = true\n");
  const Reading reading = read({{path, false}}, kOptions);
  CHECK(reading.mistakes.empty());
  REQUIRE(reading.values.size() == 4);
  const auto check = [&](std::size_t index, const std::string& name, const std::vector<std::string>& values,
                         std::size_t line) {
    INFO(name);
    CHECK(reading.values[index].name == name);
    CHECK(reading.values[index].values == values);
    CHECK(reading.values[index].line == line);
    CHECK(place_of(reading.values[index]) == path.string() + ":" + std::to_string(line));
  };
  check(0, "speed", {"fast"}, 2);
  check(1, "count", {"12"}, 4);
  check(2, "quiet", {"true"}, 7);
  CHECK(reading.values[3].name == "names");
  CHECK(reading.values[3].values == std::vector<std::string>{"one", "two"});
}

TEST_CASE("a list may be one text") {
  const Folder folder;
  const Reading reading = read({{folder.write("a.conf", "names = \"one\"\n"), false}}, kOptions);
  CHECK(reading.mistakes.empty());
  REQUIRE(reading.values.size() == 1);
  CHECK(reading.values[0].values == std::vector<std::string>{"one"});
}

TEST_CASE("all mistakes of a file are reported at once, each with its line, key, what was read and what is allowed") {
  const auto mistakes = mistakes_of(
      "sped = \"fast\"\n"
      "speed = \"fats\"\n"
      "count = \"5\"\n"
      "quiet = \"yes\"\n"
      "names = [\"a\", 5]\n");
  const std::vector<std::string> expected{
      "1: sped: unknown key; did you mean 'speed'?; allowed are the options of 'nicsentry run', without '--'",
      "2: speed: read 'fats', allowed is fast or slow", "3: count: read '5', allowed is a whole number, without quotes",
      "4: quiet: read 'yes', allowed is true or false, without quotes",
      "5: names: read 5 (a number), allowed is a text, in quotes, or a list of such, in brackets"};
  CHECK(mistakes == expected);
}

TEST_CASE("values that are wrong only together are a mistake") {
  CHECK(mistakes_of("names = [\"a\", \"a\"]\n") == std::vector<std::string>{"1: names: read 'a' twice"});
}

TEST_CASE("a line that is no TOML does not hide the mistakes of others") {
  const auto mistakes = mistakes_of(
      "speed = fast\n"
      "count = 10s\n"
      "nothing = 1\n"
      "quiet = false\n"
      "quiet = true\n");
  REQUIRE(mistakes.size() == 4);
  CHECK(mistakes[0].starts_with("1: 'speed = fast' is no TOML; allowed is KEY = VALUE, where a text stands in quotes"));
  CHECK(mistakes[1].starts_with("2: 'count = 10s' is no TOML"));
  CHECK(mistakes[2] == "5: 'quiet = true': the key is set above already");
  CHECK(mistakes[3].starts_with("3: nothing: unknown key"));
}

TEST_CASE("a value that the file does not end is one mistake") {
  CHECK(mistakes_of("names = [\"a\",\n\"b\"\n").size() == 1);
  CHECK(mistakes_of("[table\nspeed = \"fast\"\n").size() == 1);
  CHECK(mistakes_of("speed = \"\"\"fast\n").size() == 1);
}

TEST_CASE("a table is no value of an option") {
  const auto mistakes = mistakes_of("[speed]\nfast = true\n");
  REQUIRE(mistakes.size() == 1);
  CHECK(mistakes[0] == "1: speed: read a table, a fraction or a time, allowed is a text, in quotes");
}

TEST_CASE("a later file's value is in place of an earlier one's") {
  const Folder folder;
  const auto first = folder.write("first.conf", "speed = \"fast\"\nquiet = true\n");
  const auto second = folder.write("second.conf", "\nspeed = \"slow\"\n");
  const Reading reading = read({{first, false}, {second, true}}, kOptions);
  CHECK(reading.mistakes.empty());
  REQUIRE(reading.values.size() == 2);
  CHECK(reading.values[0].values == std::vector<std::string>{"slow"});
  CHECK(place_of(reading.values[0]) == second.string() + ":2");
  CHECK(place_of(reading.values[1]) == first.string() + ":2");
}

TEST_CASE("the file of one port may not name ports") {
  const Folder folder;
  const auto path = folder.write("eth0.conf", "interface = [\"eth1\"]\n");
  CHECK(read({{path, false}}, kOptions).mistakes.empty());
  const auto mistakes = read({{path, true}}, kOptions).mistakes;
  REQUIRE(mistakes.size() == 1);
  CHECK(mistakes[0] == path.string() + ":1: interface: read a list; this file is of the port that it is named after");
}

TEST_CASE("a directory stands for nicsentry.conf, and for the file of the one port") {
  const Folder folder;
  const auto paths = [&folder](const std::vector<std::string>& ports) {
    std::vector<std::string> names;
    for (const File& file : files_of(folder.path(), ports)) {
      names.push_back(file.path.filename().string() + (file.of_one_port ? " of one port" : ""));
    }
    return names;
  };
  using Names = std::vector<std::string>;
  CHECK(paths({"eth0"}).empty());
  folder.write("eth0.conf", "");
  CHECK(paths({"eth0"}) == Names{"eth0.conf of one port"});
  folder.write("nicsentry.conf", "");
  folder.write("README", "");
  CHECK(paths({"eth0"}) == Names{"nicsentry.conf", "eth0.conf of one port"});
  CHECK(paths({"eth1"}) == Names{"nicsentry.conf"});
  CHECK(paths({"eth0", "eth1"}) == Names{"nicsentry.conf"});
  CHECK(paths({"nicsentry"}) == Names{"nicsentry.conf"});
  CHECK(files_in(folder.path()).size() == 2);
  CHECK(files_of(folder.path() / "eth0.conf", {"eth1"}).size() == 1);
  CHECK_THROWS_AS(files_of(folder.path() / "none.conf", {}), Error);
}

TEST_CASE("a configuration that cannot be read is an error") {
  const Folder folder;
  CHECK_THROWS_AS(read({{folder.path() / "none.conf", false}}, kOptions), Error);
  CHECK_THROWS_AS(read({{"/dev/null", false}}, kOptions), Error);
}

TEST_CASE("a file that nests deep is refused before it is parsed") {
  const Folder folder;
  std::string tables;
  std::string parts;
  for (int level = 0; level < 1000; ++level) {
    tables += "{a = ";
    parts += "a.";
  }
  const std::string lists = "names = " + std::string(1000, '[') + std::string(1000, ']');
  for (const std::string& text : {lists, "names = " + tables, parts + "a = 1", "quiet = true\n" + lists}) {
    const auto path = folder.write("deep.conf", text);
    CHECK_THROWS_WITH(read({{path, false}}, kOptions), Catch::Contains("nested deeper than 16 levels"));
  }
  const auto path = folder.write("texts.conf", "names = [\"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s\"]\n");
  CHECK(read({{path, false}}, kOptions).mistakes.empty());
}

TEST_CASE("a setting's value has the option's form") {
  const auto text = [](const Option& option, const std::vector<std::string>& values) {
    return value_text(setting(option, values, kFromDefault));
  };
  CHECK(text(kOptions[0], {"eth0", "eth1"}) == R"(["eth0","eth1"])");
  CHECK(text(kOptions[1], {"fast"}) == R"("fast")");
  CHECK(text(kOptions[1], {}) == "none");
  CHECK(text(kOptions[2], {"12"}) == "12");
  CHECK(text(kOptions[3], {"true"}) == "true");
  CHECK(text(kOptions[3], {"false"}) == "false");
  CHECK(text(kOptions[3], {}) == "false");
  const auto json = settings_json({setting(kOptions[1], {"fast"}, "a.conf:2")});
  CHECK(json.dump() == R"([{"name":"speed","value":"fast","source":"a.conf:2","reload":true}])");
}

}  // namespace nicsentry::configuration_test
