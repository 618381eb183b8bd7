// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "host/report/window_report.h"

namespace nicsentry::test {

IpAddress ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d);

// 2001:db8::LAST
IpAddress ipv6(std::uint8_t last);

// 10.0.0.1:34567 to 10.0.0.2:80 over TCP: 3 packets of 300 bytes from the client, 2 of 1,000 from the server, in 2 s
// from 2026-05-01 12:00:01 UTC on; two packets captured.
SessionWindow tcp_session();

// 10.0.0.1 pings 10.0.0.3, once, without an answer.
SessionWindow icmp_session();

// Window 3, 2026-05-01 12:00:00 to 12:00:10 UTC: the two sessions, and one attachment whose accounting is consistent
// and without losses.
WindowReport sample_report();

}  // namespace nicsentry::test
