// SPDX-License-Identifier: GPL-2.0-or-later
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "card_rules.h"

namespace nicsentry::testing {
namespace {

namespace fs = std::filesystem;
using Rules = std::vector<std::string>;

fs::path built(const std::string& object) {
  const char* chosen = std::getenv("NICSENTRY_BPF_DIR");
  return fs::path(chosen != nullptr ? chosen : OBJECTS_DIR) / object;
}

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (fs::temp_directory_path() / "verifier_objects.XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a directory like " + name);
    path_ = name;
  }
  ~TemporaryDirectory() { fs::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

fs::path compile(const fs::path& source, const fs::path& directory) {
  fs::path object = directory / source.stem().replace_extension(".o");
  const std::string command = CLANG_COMMAND " -o '" + object.string() + "' -c '" + source.string() + "'";
  INFO(command);
  REQUIRE(std::system(command.c_str()) == 0);
  return object;
}

// Returns the rule that the checker must find in an offence, from the source's first lines.
std::string announced(const fs::path& source) {
  std::ifstream file(source);
  const std::string mark = "// broken: ";
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(mark)) return line.substr(mark.size());
  }
  return {};
}

TEST_CASE("the running kernel loads the objects for a card that know VLANs") {
  for (const char* object : {"ddos_vlan.o", "crypto_vlan.o"}) {
    INFO(object);
    const Verified verified = verify(built(object));
    CHECK(verified.refusal == "");
    CHECK(verified.instructions > 0);
    CHECK(verified.instructions <= 1'000'000);
    std::printf("%s: %u instructions looked at, %.2f s\n", object, verified.instructions, verified.seconds);
  }
}

// Less than a third of what the kernel allows. Beyond it the verifier tracks values that forget() hides
// (bpf_offload/long_headers.h), or there is a new way through the program.
constexpr std::uint32_t kHostMost = 300'000;

TEST_CASE("the running kernel loads every object") {
  for (const std::string program : {"ddos", "crypto", "sentry", "firewall"}) {
    for (const std::string ending : {".o", "_drv.o", "_tc.o", "_rawip.o"}) {
      INFO(program + ending);
      const Verified verified = verify(built(program + ending));
      CHECK(verified.refusal == "");
      CHECK(verified.instructions > 0);
      // Of the card's programs, which run on a host only if they are attached by hand, Linux 6.1 looks at more than
      // half of what the kernel allows, so they have all of that.
      const bool of_host = ending != ".o";
      CHECK(verified.instructions <= (of_host ? kHostMost : 1'000'000));
      CHECK((verified.seconds < 5 || !of_host));
      std::printf("%s%s: %u instructions looked at, %.2f s\n", program.c_str(), ending.c_str(), verified.instructions,
                  verified.seconds);
    }
  }
}

TEST_CASE("the running kernel loads every object of the host with all that a run can switch on") {
  for (const std::string program : {"ddos", "crypto", "sentry", "firewall"}) {
    for (const std::string ending : {"_drv.o", "_tc.o"}) {
      INFO(program + ending);
      const Verified verified = verify(built(program + ending), true);
      CHECK(verified.refusal == "");
      CHECK(verified.instructions > 0);
      CHECK(verified.instructions <= kHostMost);
      std::printf("%s%s, switched on: %u instructions looked at\n", program.c_str(), ending.c_str(),
                  verified.instructions);
    }
  }
}

TEST_CASE("the objects for the card keep its rules") {
  for (const char* object : {"ddos.o", "crypto.o", "sentry.o", "firewall.o", "ddos_vlan.o", "crypto_vlan.o"}) {
    INFO(object);
    CHECK(broken_rules(built(object)) == Rules{});
  }
}

TEST_CASE("the checker finds the broken rule of each offence") {
  const TemporaryDirectory directory;
  std::vector<fs::path> sources;
  for (const auto& entry : fs::directory_iterator(OFFENCES_DIR)) {
    if (entry.path().extension() == ".c") sources.push_back(entry.path());
  }
  std::sort(sources.begin(), sources.end());
  REQUIRE(sources.size() > 10);
  for (const fs::path& source : sources) {
    INFO(source);
    const std::string rule = announced(source);
    const Rules expected = rule == "nothing" ? Rules{} : Rules{rule};
    REQUIRE(!rule.empty());
    CHECK(broken_rules(compile(source, directory.path())) == expected);
  }
}

}  // namespace
}  // namespace nicsentry::testing
