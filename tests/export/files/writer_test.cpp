// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <cerrno>
#include <string>

#include "host/base/error.h"
#include "host/export/files/writer.h"
#include "tests/export/files/sample.h"
#include "tests/support/output_files.h"

namespace nicsentry::output_writer_test {

using namespace test;
using Names = std::vector<std::string>;
using Paths = std::vector<std::filesystem::path>;
using Catch::Matchers::Contains;

namespace {

constexpr std::size_t disk_bytes = std::size_t{64} * 1024;

// The sample session with so many packets that no format fits on the small disk.
WindowReport large_report() {
  WindowReport report = sample_report();
  report.number = 4;
  for (SessionWindow& session : report.sessions) session.packets.assign(20'000, session.packets.front());
  return report;
}

}  // namespace

TEST_CASE("a format has a name") {
  for (const char* name : {"seed-json", "seed-csv", "csv", "jsonl", "hosts", "ports", "hosts-jsonl", "ports-jsonl"}) {
    CHECK(format_name(parse_format(name)) == std::string(name));
  }
  CHECK_THROWS_WITH(parse_format("xml"),
                    "unknown format 'xml': allowed are seed-json, seed-csv, csv, jsonl, hosts, "
                    "ports, hosts-jsonl, ports-jsonl");
  CHECK_THROWS_AS(parse_format(""), Error);
  CHECK_THROWS_AS(parse_format("CSV"), Error);
}

TEST_CASE("a profile has a name") {
  for (const char* name : {"ddos", "crypto", "all"}) CHECK(profile_name(parse_profile(name)) == std::string(name));
  CHECK_THROWS_WITH(parse_profile("dos"), "unknown profile 'dos': allowed are ddos, crypto, all");
  CHECK((has_ddos(Profile::ddos) && !has_crypto(Profile::ddos)));
  CHECK((!has_ddos(Profile::crypto) && has_crypto(Profile::crypto)));
  CHECK((has_ddos(Profile::all) && has_crypto(Profile::all)));
}

TEST_CASE("each format writes its own files and names them") {
  const TemporaryDirectory directory;
  const auto& path = directory.path();
  const auto write = [&](Format format, Profile profile) {
    return make_writer(format, profile, path)->write(sample_report());
  };
  const auto ddos = path / "dump_ddos";
  const auto crypto = path / "dump_crypto";

  CHECK(write(Format::seed_json, Profile::all) == Paths{ddos / "result_3.json", crypto / "result_3.json"});
  CHECK(write(Format::seed_json, Profile::ddos) == Paths{ddos / "result_3.json"});
  CHECK(write(Format::seed_json, Profile::crypto) == Paths{crypto / "result_3.json"});
  CHECK(write(Format::seed_csv, Profile::all) == Paths{ddos / "10.0.0.1-34567___10.0.0.2-80___TCP-iter3.csv",
                                                       ddos / "10.0.0.1-0___10.0.0.3-0___ICMP-iter3.csv",
                                                       crypto / "results.csv"});
  CHECK(write(Format::csv, Profile::all) == Paths{path / "sessions.csv", path / "packets.csv", path / "windows.csv"});
  CHECK(write(Format::jsonl, Profile::crypto) == Paths{path / "sessions.jsonl", path / "windows.jsonl"});
}

TEST_CASE("a window without sessions has no file in the earlier system's formats, but accounting in the others") {
  const TemporaryDirectory directory;
  WindowReport report = sample_report();
  report.sessions.clear();
  CHECK(make_writer(Format::seed_json, Profile::all, directory.path())->write(report).empty());
  CHECK(make_writer(Format::seed_csv, Profile::all, directory.path())->write(report).empty());
  CHECK(files_below(directory.path()) == Names{"dump_crypto/results.csv"});
  CHECK(make_writer(Format::csv, Profile::all, directory.path())->write(report) ==
        Paths{directory.path() / "windows.csv"});
}

TEST_CASE("the crypto profile has no ICMP sessions") {
  const TemporaryDirectory directory;
  WindowReport report = sample_report();
  report.sessions = {icmp_session()};
  CHECK(make_writer(Format::seed_json, Profile::crypto, directory.path())->write(report).empty());
  make_writer(Format::jsonl, Profile::crypto, directory.path())->write(report);
  CHECK(content(directory.path() / "sessions.jsonl").empty());
}

TEST_CASE("growing files are extended by each window") {
  const TemporaryDirectory directory;
  const auto sessions = directory.path() / "sessions.jsonl";
  const auto writer = make_writer(Format::jsonl, Profile::all, directory.path());
  CHECK(content(sessions).empty());
  WindowReport report = sample_report();
  writer->write(report);
  const std::string first = content(sessions);
  report.number = 4;
  writer->write(report);
  const std::string both = content(sessions);
  CHECK(both.substr(0, first.size()) == first);
  CHECK_THAT(both.substr(first.size()), Catch::Matchers::StartsWith("{\"window\":4,\"session\":7,"));
}

TEST_CASE("results.csv has its header from the start") {
  const TemporaryDirectory directory;
  const auto writer = make_writer(Format::seed_csv, Profile::crypto, directory.path());
  CHECK(content(directory.path() / "dump_crypto" / "results.csv") ==
        "Timestamp (Unix ns), IP Client, IP Server, Port Client, Port Server, Protocol, Server Method, Packets_server, "
        "Packets_client, Bits_ server, Bits_ client, Duration (ns), Packets_server / Seconds, Packets_client / "
        "Seconds, Bits_server / Seconds, Bits_client / Seconds, Bits_server / Packets_server, Bits_client / "
        "Packets_client, Packets_server / Packets_client, Bits_server / Bits_client\n");
}

TEST_CASE("seed-csv leaves sessions out that have no room, and counts files that are removed as room") {
  const TemporaryDirectory directory;
  const auto ddos = directory.path() / "dump_ddos";
  std::filesystem::create_directory(ddos);
  put(ddos / "of an earlier run", "");
  OutputPlace place(directory.path());
  place.seed_csv_files = 4;
  const auto writer = make_writer(Format::seed_csv, Profile::all, place);
  const auto write = [&](std::uint64_t number) {
    WindowReport report = sample_report();
    report.number = number;
    return writer->write(report).size();
  };
  CHECK(write(0) == 3);  // results.csv is no such file
  CHECK(writer->sessions_left_out() == 0);
  CHECK(write(1) == 2);
  CHECK(writer->sessions_left_out() == 1);
  CHECK(write(2) == 1);
  CHECK(writer->sessions_left_out() == 2);
  CHECK(files_below(ddos).size() == 4);
  CHECK(std::filesystem::exists(ddos / "10.0.0.1-34567___10.0.0.2-80___TCP-iter1.csv"));
  std::filesystem::remove(ddos / "of an earlier run");
  std::filesystem::remove(ddos / "10.0.0.1-34567___10.0.0.2-80___TCP-iter1.csv");
  CHECK(write(3) == 3);
  CHECK(writer->sessions_left_out() == 0);

  place.seed_csv_files = 0;
  const auto unlimited = make_writer(Format::seed_csv, Profile::all, place);
  CHECK(unlimited->write(sample_report()).size() == 3);
  CHECK(unlimited->sessions_left_out() == 0);
}

TEST_CASE("fields with separators are quoted in CSV") {
  const TemporaryDirectory directory;
  WindowReport report = sample_report();
  report.attachments[0].interface = "a \"b\", c";
  make_writer(Format::csv, Profile::all, directory.path())->write(report);
  CHECK_THAT(content(directory.path() / "windows.csv"),
             Contains(",\"a \"\"b\"\", c\",xdp,drv,9,1468,4,1284,2,100,3,84,"));
}

TEST_CASE("a name with invalid UTF-8 gives valid JSON") {
  const TemporaryDirectory directory;
  WindowReport report = sample_report();
  report.attachments[0].interface = "caf\xe9";
  make_writer(Format::jsonl, Profile::all, directory.path())->write(report);
  CHECK_THAT(content(directory.path() / "windows.jsonl"), Contains("\"caf\xef\xbf\xbd\""));
}

TEST_CASE("an output directory that is a file is an error at the start") {
  const TemporaryDirectory directory;
  const auto out = directory.path() / "out";
  put(out, "");
  for (const Format format : {Format::seed_json, Format::seed_csv, Format::csv, Format::jsonl}) {
    CHECK_THROWS_WITH(make_writer(format, Profile::all, out), Contains("ENOTDIR") && Contains(out.string()));
  }
  CHECK(content(out).empty());
}

TEST_CASE("a window that does not fit on the disk changes no format, and a later window is written") {
  const Format format = GENERATE(Format::seed_json, Format::seed_csv, Format::csv, Format::jsonl);
  CAPTURE(format_name(format));
  on_small_disk(disk_bytes, [format](const std::filesystem::path& disk) {
    const auto writer = make_writer(format, Profile::all, disk);
    writer->write(sample_report());
    const auto snapshot = [&] {
      std::string all;
      for (const std::string& name : files_below(disk)) all += name + "\n" + content(disk / name) + "\n";
      return all;
    };
    const std::string before = snapshot();

    int code = 0;
    std::string message;
    try {
      writer->write(large_report());
    } catch (const SystemError& error) {
      code = error.code();
      message = error.what();
    }
    CHECK(code == ENOSPC);
    CHECK_THAT(message, Contains(disk.string()));
    CHECK(snapshot() == before);

    WindowReport later = sample_report();
    later.number = 5;
    CHECK(writer->write(later).size() == (format == Format::seed_json ? 2 : 3));
    CHECK(snapshot() != before);
  });
}

}  // namespace nicsentry::output_writer_test
