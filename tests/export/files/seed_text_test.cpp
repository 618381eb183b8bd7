// SPDX-License-Identifier: GPL-2.0-or-later
// Examples of the earlier system's formats. tests/export/files/test_seed_formats.py compares random windows with
// Python.
#include <catch2/catch.hpp>

#include "host/export/files/seed_text.h"
#include "tests/export/files/sample.h"

namespace nicsentry::output_seed_text_test {

using namespace test;

TEST_CASE("a row of results.csv joins twenty columns") {
  CHECK(seed_crypto_csv_row(tcp_session()) ==
        "1777636803000000000, 10.0.0.1, 10.0.0.2, 34567, 80, TCP, 1, 2, 3, 8000, 2400, 2000000000, 1.0, 1.5, 4000.0, "
        "1200.0, 4000.0, 800.0, 0.6666666666666666, 3.3333333333333335\n");
}

TEST_CASE("a quotient by 0 is a dash: unquoted in CSV, a string in JSON") {
  SessionWindow session = tcp_session();
  session.last_packet_ns = session.first_packet_ns;
  session.packets_server = 0;
  session.packets_client = 0;
  session.bytes_server = 0;
  session.bytes_client = 0;
  CHECK(seed_crypto_csv_row(session) ==
        "1777636801000000000, 10.0.0.1, 10.0.0.2, 34567, 80, TCP, 1, 0, 0, 0, 0, 0, -, -, -, -, -, -, -, -\n");
  CHECK(seed_crypto_json_item(session) == R"(  {
    "id": [
      "10.0.0.1",
      "10.0.0.2",
      34567,
      80,
      "TCP"
    ],
    "value": [
      1777636801000000000,
      1,
      0,
      0,
      0,
      0,
      0,
      "-",
      "-",
      "-",
      "-",
      "-",
      "-",
      "-",
      "-"
    ]
  })");
}

TEST_CASE("a session's packets in JSON are nested lists with times in seconds") {
  CHECK(seed_ddos_json_item(tcp_session()) == R"(  {
    "id": [
      "10.0.0.1",
      34567,
      "10.0.0.2",
      80,
      "TCP"
    ],
    "packets": [
      [
        1777636801.0,
        16384,
        2,
        64240,
        0,
        0
      ],
      [
        1777636801.001,
        16384,
        18,
        65160,
        0,
        0
      ]
    ]
  })");
}

TEST_CASE("a session without a captured packet has an empty list") {
  SessionWindow session = tcp_session();
  session.packets.clear();
  CHECK(seed_ddos_json_item(session).ends_with("    \"packets\": []\n  }"));
  CHECK(seed_ddos_csv(session) ==
        "Seconds     ,\t\nNs          ,\t\nIPv4 flags  ,\t\nTCP flags   ,\t\nTCP Win     ,\t\nUDP len     ,\t\n"
        "ICMP type   ,\t");
}

TEST_CASE("a session's CSV file has seven lines, the last without a line end") {
  CHECK(seed_ddos_csv(tcp_session()) ==
        "Seconds     ,\t1777636801, 1777636801\n"
        "Ns          ,\t000000000, 001000042\n"
        "IPv4 flags  ,\t16384, 16384\n"
        "TCP flags   ,\t2, 18\n"
        "TCP Win     ,\t64240, 65160\n"
        "UDP len     ,\t0, 0\n"
        "ICMP type   ,\t0, 0");
}

TEST_CASE("a session's CSV file is named after its ends, protocol and window") {
  CHECK(seed_ddos_csv_name(tcp_session(), 12) == "10.0.0.1-34567___10.0.0.2-80___TCP-iter12.csv");
  SessionWindow session = icmp_session();
  session.client.address = ipv6(1);
  session.server.address = ipv6(2);
  session.protocol = Protocol::icmpv6;
  CHECK(seed_ddos_csv_name(session, 0) == "2001:db8::1-0___2001:db8::2-0___ICMPv6-iter0.csv");
}

}  // namespace nicsentry::output_seed_text_test
