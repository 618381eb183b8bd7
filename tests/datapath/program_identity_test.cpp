// SPDX-License-Identifier: GPL-2.0-or-later
// Which program is nicsentry's, as the kernel describes programs that are loaded. Needs root.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "host/datapath/object_file.h"
#include "host/datapath/program.h"

namespace nicsentry::testing {
namespace {

constexpr TableSize kSessions{64, 6};
constexpr FirewallSize kSmall{2 * 65536, 6 * 8192, 4096};

std::string other(const char* file) { return std::string(OTHER_PROGRAMS_DIR) + "/" + file; }

// A program that another tool loaded.
class Loaded {
 public:
  explicit Loaded(const std::string& path) : object_(bpf_object__open_file(path.c_str(), nullptr), bpf_object__close) {
    REQUIRE(object_ != nullptr);
    REQUIRE(bpf_object__load(object_.get()) == 0);
    bpf_prog_info info{};
    __u32 length = sizeof(info);
    const int fd = bpf_program__fd(bpf_object__next_program(object_.get(), nullptr));
    REQUIRE(bpf_obj_get_info_by_fd(fd, &info, &length) == 0);
    id_ = info.id;
  }
  std::uint32_t id() const { return id_; }

 private:
  std::unique_ptr<bpf_object, decltype(&bpf_object__close)> object_;
  std::uint32_t id_ = 0;
};

Interface no_port() {
  Interface port;
  port.name = "none";
  return port;
}

TEST_CASE("a loaded program is described by name, ABI and firewall") {
  const Program with =
      Program::load({.object = find_object(kSentry, Target::xdp), .size = kSessions, .firewall = kSmall});
  const ProgramInfo info = describe_program(with.id());
  CHECK(info.name == "sentry");
  CHECK(info.identity.adoptable());
  CHECK(info.room_for_rules);
  CHECK_FALSE(info.enforces);
  fw_config on{};
  on.config = FIREWALL_ON;
  with.firewall()->write_control(on);
  CHECK(describe_program(with.id()).enforces);

  const Program without = Program::load({.object = find_object(kSentry, Target::xdp), .size = kSessions});
  CHECK(describe_program(without.id()).identity.adoptable());
  CHECK_FALSE(describe_program(without.id()).room_for_rules);
}

TEST_CASE("every object of this build is adopted when another tool loaded it") {
  const std::string_view name = GENERATE(kDdos, kCrypto, kSentry, kFirewallAlone);
  const Target target = GENERATE(Target::card, Target::xdp, Target::tc, Target::raw_ip);
  CAPTURE(name);
  const Loaded loaded(find_object(name, target));
  CHECK(describe_program(loaded.id()).identity.adoptable());
  const Program adopted =
      Program::adopt(loaded.id(), target == Target::card || target == Target::xdp ? Mode::drv : Mode::tc, no_port());
  CHECK(adopted.spec().base == name);
  CHECK(adopted.spec().features.raw_ip == (target == Target::raw_ip));
  CHECK((adopted.firewall() != nullptr) == adopted.spec().features.firewall);
}

TEST_CASE("loaded programs of other ABIs are known by their number, and cannot be adopted") {
  for (const auto& [file, abi] : {std::pair("unnumbered_drv.o", 1U), std::pair("unnumbered_tc.o", 1U),
                                  std::pair("unnumbered_ddos_drv.o", 1U), std::pair("newer_drv.o", 99U)}) {
    CAPTURE(file);
    const Loaded loaded(other(file));
    CHECK(describe_program(loaded.id()).identity.abi == abi);
    CHECK_THROWS_WITH(Program::adopt(loaded.id(), Mode::drv, no_port()),
                      Catch::Contains("is not one of this nicsentry's"));
  }
}

TEST_CASE("a stranger with the name of a program and as many maps is a stranger") {
  const Loaded loaded(other("stranger_drv.o"));
  const ProgramInfo info = describe_program(loaded.id());
  CHECK(info.name == "ddos");
  CHECK_FALSE(info.identity.ours());
  CHECK(info.identity.why_not == "its map 'control' has type 2, key 4, value 4; not type 2, key 4, value 56");
}

TEST_CASE("an object that is not of this build's programs is not loaded") {
  CHECK_THROWS_WITH(Program::load({.object = other("newer_drv.o"), .size = kSessions}),
                    Catch::Contains("has program ABI 99, this nicsentry has " + std::to_string(program_abi())));
  CHECK_THROWS_WITH(Program::load({.object = other("stranger_drv.o"), .size = kSessions}),
                    Catch::Contains("is not nicsentry's"));
  CHECK_THROWS_WITH(Program::load({.object = find_object(kDdos, Target::xdp), .size = kSessions, .firewall = kSmall}),
                    Catch::Contains("program 'ddos' has no firewall"));
}

}  // namespace
}  // namespace nicsentry::testing
