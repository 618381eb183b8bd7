// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/metrics/metrics_text.h"

#include <catch2/catch.hpp>

namespace nicsentry::metrics_text_test {
namespace {

using namespace std::chrono_literals;

FirewallFigures firewall_of(std::size_t rules, std::size_t sets) {
  FirewallFigures figures;
  for (std::size_t i = 0; i < rules; ++i) {
    figures.chains[0].rules.push_back({i + 1, 100 * (i + 1)});
  }
  for (std::size_t i = 0; i < sets; ++i) {
    figures.sets.push_back({"set" + std::to_string(i), i + 1});
  }
  return figures;
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("rules have series only if they are asked for; the rest is added up, and counted") {
  RunFigures figures;
  figures.firewall = firewall_of(5, 3);
  CHECK(metrics_text(figures, TextFormat::prometheus).find("nicsentry_rule_packets") == std::string::npos);
  figures.selection = {2, 1};
  const std::string text = metrics_text(figures, TextFormat::prometheus);
  CHECK(has_line(text, R"(nicsentry_rule_packets_total{chain="ingress",rule="0"} 1)"));
  CHECK(has_line(text, R"(nicsentry_rule_packets_total{chain="ingress",rule="1"} 2)"));
  CHECK(has_line(text, R"(nicsentry_rule_packets_total{chain="ingress",rule="other"} 12)"));
  CHECK(has_line(text, R"(nicsentry_rule_bytes_total{chain="ingress",rule="other"} 1200)"));
  CHECK(has_line(text, R"(nicsentry_rules_folded{chain="ingress"} 3)"));
  CHECK(has_line(text, R"(nicsentry_rules_folded{chain="egress"} 0)"));
  CHECK(text.find(R"(rule="2")") == std::string::npos);
  CHECK(has_line(text, R"(nicsentry_set_entries{set="set0"} 1)"));
  CHECK(has_line(text, R"(nicsentry_set_entries{set="other"} 5)"));
  CHECK(has_line(text, "nicsentry_sets_folded 2"));
}

TEST_CASE("a set that is called other does not stand for the rest") {
  RunFigures figures;
  figures.firewall = firewall_of(0, 0);
  figures.firewall->sets = {{"other", 7}, {"a", 1}, {"b", 2}};
  figures.selection = {0, 2};
  const std::string text = metrics_text(figures, TextFormat::prometheus);
  CHECK(has_line(text, R"(nicsentry_set_entries{set="a"} 1)"));
  CHECK(has_line(text, R"(nicsentry_set_entries{set="other"} 9)"));
  CHECK(has_line(text, "nicsentry_sets_folded 2"));
}

TEST_CASE("durations are a histogram whose buckets add up") {
  RunFigures figures;
  figures.windows.closing.add(10us);  // a bound belongs to its bucket
  figures.windows.closing.add(10001ns);
  figures.windows.closing.add(11s);
  figures.windows.closing.add(-5ns);
  const std::string text = metrics_text(figures, TextFormat::open_metrics);
  CHECK(has_line(text, R"(nicsentry_window_close_seconds_bucket{le="1e-05"} 2)"));
  CHECK(has_line(text, R"(nicsentry_window_close_seconds_bucket{le="3e-05"} 3)"));
  CHECK(has_line(text, R"(nicsentry_window_close_seconds_bucket{le="10.0"} 3)"));
  CHECK(has_line(text, R"(nicsentry_window_close_seconds_bucket{le="+Inf"} 4)"));
  CHECK(has_line(text, "nicsentry_window_close_seconds_count 4"));
  CHECK(has_line(text, "# UNIT nicsentry_window_close_seconds seconds"));
}

TEST_CASE("what a scrape could not read is missing, and a series says so") {
  RunFigures figures;
  figures.parts = {{"run", false}, {"firewall", true}};
  const std::string text = metrics_text(figures, TextFormat::open_metrics);
  CHECK(has_line(text, R"(nicsentry_scrape_part_failed{part="run"} 1)"));
  CHECK(has_line(text, R"(nicsentry_scrape_part_failed{part="firewall"} 0)"));
  CHECK(text.find("nicsentry_attached") == std::string::npos);
  CHECK(text.ends_with("# EOF\n"));
}

TEST_CASE("names of users' programs do not take those of the run") {
  RunFigures figures;
  int taken = 0;
  figures.programs = [&taken](Exposition& exposition) {
    taken = exposition.family("nicsentry_windows", Exposition::Type::gauge, "mine");
  };
  metrics_text(figures, TextFormat::open_metrics);
  CHECK(taken == -1);
}

}  // namespace nicsentry::metrics_text_test
