// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/metrics/exposition.h"

#include <catch2/catch.hpp>
#include <limits>

namespace nicsentry::exposition_test {

TEST_CASE("an exposition has each family once, its samples together, and an end") {
  Exposition exposition;
  const int packets = exposition.family("packets", Exposition::Type::counter, "two\nlines \\ \"quoted\"");
  const int bytes = exposition.family("bytes", Exposition::Type::gauge, "b");
  REQUIRE(exposition.add(packets, "_total", {}, "1"));
  REQUIRE(exposition.add(bytes, "", {{"a", "1"}, {"b", "x\\y\"z\n\xff"}}, "2"));
  REQUIRE(exposition.family("packets", Exposition::Type::counter, "other") == packets);
  REQUIRE(exposition.add(packets, "_total", {{"a", "2"}}, "3"));
  CHECK(exposition.text() ==
        "# TYPE packets counter\n# HELP packets two\\nlines \\\\ \\\"quoted\\\"\n"
        "packets_total 1\npackets_total{a=\"2\"} 3\n"
        "# TYPE bytes gauge\n# HELP bytes b\n"
        "bytes{a=\"1\",b=\"x\\\\y\\\"z\\n\xef\xbf\xbd\"} 2\n"
        "# EOF\n");
}

TEST_CASE("a name has one type, and a sample is there once") {
  Exposition exposition;
  const int family = exposition.family("a", Exposition::Type::gauge, "a");
  CHECK(exposition.family("a", Exposition::Type::counter, "a") == -1);
  CHECK(exposition.add(family, "", {{"x", "1"}}, "1"));
  CHECK_FALSE(exposition.add(family, "", {{"x", "1"}}, "2"));
  CHECK(exposition.add(family, "", {{"x", "2"}}, "2"));
}

TEST_CASE("a family does not get the name of another family's samples") {
  using Type = Exposition::Type;
  Exposition exposition;
  REQUIRE(exposition.family("time", Type::histogram, "t") == 0);
  for (const char* name : {"time_bucket", "time_count", "time_sum", "time_created"}) {
    CHECK(exposition.family(name, Type::gauge, "t") == -1);
  }
  CHECK(exposition.family("time_total", Type::gauge, "t") == 1);
  CHECK(exposition.family("time_max", Type::counter, "t") == 2);
  CHECK(exposition.family("time_max_total", Type::gauge, "t") == -1);
  REQUIRE(exposition.family("size_count", Type::gauge, "s") == 3);
  CHECK(exposition.family("size", Type::summary, "s") == -1);
  CHECK(exposition.family("size", Type::gauge, "s") == 4);
  CHECK(exposition.family("time", Type::histogram, "t") == 0);
}

TEST_CASE("names get the characters that OpenMetrics has") {
  CHECK(metric_name("a:b-c.d") == "a:b_c_d");
  CHECK(label_name("a:b") == "a_b");
  CHECK(metric_name("1st") == "_1st");
  CHECK(label_name("__reserved") == "key__reserved");
  CHECK(metric_name("") == "_");
}

TEST_CASE("numbers of buckets have a point or an exponent") {
  CHECK(canonical_number(0) == "0.0");
  CHECK(canonical_number(1) == "1.0");
  CHECK(canonical_number(0.25) == "0.25");
  CHECK(canonical_number(999999) == "999999.0");
  CHECK(canonical_number(1048576) == "1.048576e+06");
  CHECK(canonical_number(-5e9) == "-5e+09");
  CHECK(canonical_number(1e300) == "1e+300");
  CHECK(canonical_number(0.0001) == "0.0001");
  CHECK(canonical_number(0.00001) == "1e-05");
  CHECK(canonical_number(-2.5e-300) == "-2.5e-300");
  CHECK(canonical_number(999999.9999999999) == "999999.9999999999");
}

TEST_CASE("the form is OpenMetrics where the client prefers it, else Prometheus 0.0.4") {
  const char* open = "application/openmetrics-text";
  const std::string prometheus_2_42 =
      "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
      "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
  const std::pair<std::string, TextFormat> cases[] = {
      {"", TextFormat::prometheus},
      {"*/*", TextFormat::prometheus},
      {"text/html, text/plain", TextFormat::prometheus},
      {open, TextFormat::open_metrics},
      {prometheus_2_42, TextFormat::open_metrics},
      {"application/openmetrics-text;version=0.0.1, text/plain", TextFormat::prometheus},
      {"application/openmetrics-text;q=0.4, text/plain;q=0.5", TextFormat::prometheus},
      {"application/openmetrics-text;q=0.5, text/plain;q=0.5", TextFormat::open_metrics},
      {"application/openmetrics-text;q=0", TextFormat::prometheus},
      {"application/openmetrics-text;q=nan", TextFormat::prometheus},
      {"application/openmetrics-text;q=2", TextFormat::prometheus},
      {"text/plain , application/openmetrics-text ; version=1.0.0 ; charset=utf-8", TextFormat::open_metrics},
      {",;,;q=", TextFormat::prometheus},
  };
  for (const auto& [accept, wanted] : cases) {
    INFO(accept);
    CHECK(choose_text_format(accept) == wanted);
  }
}

TEST_CASE("Prometheus 0.0.4 has counters and information by their samples' names, no units and no end") {
  Exposition exposition;
  const int seconds = exposition.family("a_seconds", Exposition::Type::counter, "x \"y\"");
  const int info = exposition.family("b", Exposition::Type::info, "b");
  const int other = exposition.family("c", Exposition::Type::unknown, "c");
  REQUIRE(exposition.add(seconds, "_total", {}, "1"));
  REQUIRE(exposition.add(info, "_info", {{"v", "1"}}, "1"));
  REQUIRE(exposition.add(other, "", {}, "2"));
  CHECK(exposition.text(TextFormat::prometheus) ==
        "# TYPE a_seconds_total counter\n# HELP a_seconds_total x \"y\"\na_seconds_total 1\n"
        "# TYPE b_info gauge\n# HELP b_info b\nb_info{v=\"1\"} 1\n"
        "# TYPE c untyped\n# HELP c c\nc 2\n");
  CHECK(exposition.text(TextFormat::open_metrics) ==
        "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds x \\\"y\\\"\na_seconds_total 1\n"
        "# TYPE b info\n# HELP b b\nb_info{v=\"1\"} 1\n"
        "# TYPE c unknown\n# HELP c c\nc 2\n# EOF\n");
}

}  // namespace nicsentry::exposition_test
