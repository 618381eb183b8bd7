// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/filter/session_filter.h"

#include <pcap/pcap.h>

#include "host/base/error.h"
#include "host/filter/filter_words.h"
#include "host/filter/session_frame.h"

namespace nicsentry {

struct SessionFilter::Program {
  Program() = default;
  ~Program() { pcap_freecode(&code); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  bpf_program code{};
  FrameTags tags = FrameTags::none;
};

SessionFilter::SessionFilter(const std::string& expression) {
  const FilterWords words = check_filter_words(expression);
  auto program = std::make_shared<Program>();
  // A tag moves all that follows it: an expression that does not ask for tags is to meet tagged sessions as well.
  program->tags = words.vlan ? FrameTags::as_in_session : FrameTags::none;
  const std::unique_ptr<pcap_t, decltype(&pcap_close)> ethernet(pcap_open_dead(DLT_EN10MB, 65535), pcap_close);
  if (!ethernet) {
    throw Error("ENOMEM: compiling the " + named_filter(expression));
  }
  // libpcap's optimiser takes a second for so many, and minutes for some hundreds.
  constexpr std::size_t kOptimized = 50;
  const int optimize = words.values <= kOptimized ? 1 : 0;
  if (pcap_compile(ethernet.get(), &program->code, expression.c_str(), optimize, PCAP_NETMASK_UNKNOWN) != 0) {
    throw BadRequest(named_filter(expression) + ": " + pcap_geterr(ethernet.get()));
  }
  program_ = std::move(program);
}

bool SessionFilter::matches(const SessionWindow& session) const {
  const SessionFrame frame = frame_of(session, program_->tags);
  pcap_pkthdr header{};
  header.caplen = header.len = static_cast<bpf_u_int32>(frame.length);
  return pcap_offline_filter(&program_->code, &header, frame.bytes.data()) != 0;
}

}  // namespace nicsentry
