// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/programs/lint/translation.h"

#include <catch2/catch.hpp>

#include "tests/programs/lint/assembly.h"

namespace nicsentry::lint {
namespace {

using namespace assembly;

constexpr unsigned kFrame = 2 + 13 + 8;  // around every program

Translation translated(const Code& code, const std::vector<MapDefinition>& maps = {array()}) {
  const ProgramImage image = program(code, maps);
  return translate(image, facts_of(image));
}

TEST_CASE("a program that passes each packet") {
  // Two for the constant, one for the jump to the end.
  CHECK(translated(pass()).size == kFrame + 3);
}

TEST_CASE("the copy of the context at the start is free") {
  const Translation translation = translated(Code{move_reg(6, 1)} + pass());
  CHECK(translation.sizes[0] == 0);
  CHECK(translated(Code{move_reg(7, 1)} + pass()).sizes[0] == 2);
}

TEST_CASE("loads of neighbouring bytes of the packet are one fetch") {
  const Translation translation =
      translated(packet() + Code{load(BPF_W, 1, 7, 0), load(BPF_W, 2, 7, 4), load(BPF_H, 3, 7, 10)} + pass());
  CHECK(translation.sizes[8] == 2);   // the fetch, and a move
  CHECK(translation.sizes[9] == 1);   // a move
  CHECK(translation.sizes[10] == 1);  // half a word
}

TEST_CASE("a store to the packet ends a fetch") {
  const Translation translation =
      translated(packet() + Code{load(BPF_W, 1, 7, 0), store(BPF_W, 7, 20, 1), load(BPF_W, 2, 7, 4)} + pass());
  CHECK(translation.sizes[10] == 2);
}

TEST_CASE("loads and stores that copy memory become one bulk copy") {
  Code copies;
  for (int i = 0; i < 4; ++i) {
    copies.push_back(load(BPF_DW, 1, 7, i * 8));
    copies.push_back(store(BPF_DW, 7, 32 + i * 8, 1));
  }
  const Translation translation = translated(packet() + copies + pass());
  // Read, eight moves, write, and the register's value.
  CHECK(translation.sizes[8] == 1 + 8 + 1 + 2);
  for (std::size_t i = 9; i < 16; ++i) {
    CHECK(translation.sizes[i] == 0);
  }
}

TEST_CASE("code on no path is not translated, and jumps over it vanish") {
  const Code code = Code{move(2, 5), jump(BPF_JEQ, 2, 5, 2), move(3, 1), move(3, 2)} + pass();
  const Translation translation = translated(code);
  CHECK(translation.sizes == std::vector<unsigned>{2, 0, 0, 0, 2, 1});
}

TEST_CASE("negative constants are added and compared as positive ones") {
  const Code code = packet() + Code{load(BPF_DW, 1, 7, 0), alu(BPF_ADD, 1, -200), jump(BPF_JSLT, 1, -200, 0)} + pass();
  const Translation translation = translated(code);
  CHECK(translation.sizes[9] == 2);  // both halves; the constant fits
  CHECK(translation.sizes[10] == 3);
}

TEST_CASE("additions to a map's value depend on what is known of the addend") {
  const auto size_of = [](const Code& addend) {
    const Code code = packet() + addend + lookup() + Code{atomic(BPF_DW, 0, 0, 8, BPF_ADD)} + pass();
    const Translation translation = translated(code);
    return translation.sizes[code.size() - 3];
  };
  CHECK(size_of({move(8, 1)}) == 3);
  CHECK(size_of({load(BPF_H, 8, 7, 0)}) == 3);
  CHECK(size_of({make(BPF_ALU64 | BPF_MOV | BPF_K, 8, 0, 0, 70'000)}) == 3);
  CHECK(size_of({load(BPF_W, 8, 7, 0)}) == 11);
}

TEST_CASE("a key at the start of the frame needs no pointer of its own") {
  const Code at_start = lookup() + pass();
  const Translation translation = translated(at_start);
  CHECK(translation.sizes[6] == 8);  // the frame is 8 bytes, the key stands at 4
  const Code whole = Code{move(1, 0), store(BPF_DW, 10, -8, 1), move_reg(2, 10), alu(BPF_ADD, 2, -8)} +
                     map_pointer(1, 0) + Code{call(BPF_FUNC_map_lookup_elem)} + pass();
  CHECK(translated(whole).sizes[6] == 3);
}

TEST_CASE("what only the translator refuses has its message") {
  const auto said = [](const Code& code) { return translated(code).message; };
  CHECK(said(Code{load(BPF_W, 2, 1, 12)} + pass()) == "Translation failed with error -95 (translated: 0)");
  CHECK(said(lookup() + Code{store_constant(BPF_W, 0, 0, 1)} + pass()) ==
        "Translation failed with error -95 (translated: 10)");
  CHECK(said(packet() + Code{move(2, 70), load(BPF_DW, 1, 7, 0), alu_reg(BPF_LSH, 1, 2)} + pass()) ==
        "Translation failed with error -14 (translated: 10)");
  CHECK(said(pass()) == "");
}

TEST_CASE("a function keeps the way back, and registers only if it uses them") {
  const Code plain = Code{move(1, 7), call_function(2)} + pass() + Code{move_reg(0, 1), leave()};
  const Code keeping = Code{move(1, 7), call_function(2)} + pass() + Code{move_reg(6, 1), move_reg(0, 6), leave()};
  CHECK(translated(plain).size == kFrame + 2 + 2 + 3 + (1 + 2 + 2));
  CHECK(translated(keeping).size == kFrame + 2 + 3 + 3 + (1 + 2 + 2 + 2) + 18);
}

}  // namespace
}  // namespace nicsentry::lint
