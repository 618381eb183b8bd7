// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/base/base64.h"

#include <catch2/catch.hpp>
#include <string>

namespace nicsentry::base64_test {

TEST_CASE("base64: the vectors of RFC 4648, both ways") {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    CHECK(base64_text(bytes) == text);
    CHECK(base64_bytes(text) == std::string(bytes));
  }
}

TEST_CASE("base64: all bytes come back") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    bytes += static_cast<char>(i);
    CHECK(base64_bytes(base64_text(bytes)) == bytes);
  }
}

TEST_CASE("base64: a text that is none is refused") {
  for (const char* text : {"Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9v\n", "Zm9-", "Zh==", "Zm9=", "Zg=a"}) {
    INFO(text);
    CHECK_FALSE(base64_bytes(text));
  }
}

}  // namespace nicsentry::base64_test
