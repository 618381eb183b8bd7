// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/event_reader.h"

#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <string>
#include <utility>

#include "host/base/capabilities.h"
#include "host/base/error.h"
#include "host/base/unique_fd.h"
#include "host/datapath/libbpf_messages.h"
#include "host/packet/ip_header.h"

namespace nicsentry {
namespace {

constexpr std::size_t kRingPages = 512;      // 2 MiB a processor
constexpr std::size_t kRingPagesLeast = 16;  // some hundred events
constexpr unsigned kPageBytes = 4096;
constexpr const char* kMlockPath = "/proc/sys/kernel/perf_event_mlock_kb";
constexpr std::chrono::milliseconds kLookInterval{500};  // at which processors are online

using SteadyClock = std::chrono::steady_clock;

// The head of a sample as sample_type TIME | RAW lays it out (perf_event_open(2)), `size` bytes follow; a lost record.
struct Sample {
  perf_event_header header;
  std::uint64_t time;
  std::uint32_t size;
} __attribute__((packed));

struct Lost {
  perf_event_header header;
  std::uint64_t id;
  std::uint64_t lost;
};

struct Drain {
  EventBatch* batch = nullptr;
  std::uint64_t lost = 0;
  LinkHeader link = LinkHeader::ethernet;
};

std::uint64_t may_lock() {
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  return limit.rlim_cur;
}

// Pages of a ring, a power of two, that so many rings can have. The kernel lets a user lock perf_event_mlock_kb for
// each processor, and beyond that each process its RLIMIT_MEMLOCK (perf_mmap(), kernel/events/core.c).
std::size_t ring_pages(std::size_t rings, std::size_t processors) {
  if (has_capability(Capability::ipc_lock) || may_lock() == RLIM_INFINITY || rings == 0) {
    return kRingPages;
  }
  std::uint64_t for_each_processor_kib = 0;
  std::ifstream(kMlockPath) >> for_each_processor_kib;
  const std::uint64_t bytes = may_lock() + (for_each_processor_kib << 10) * processors;
  std::size_t pages = kRingPages;
  while (pages > kRingPagesLeast && rings * (pages + 1) * kPageBytes > bytes) {
    pages /= 2;
  }
  return pages;
}

// Opening the event is refused by EACCES, locking the ring's memory by EPERM (perf_event_open(2)).
std::string missing_for_ring(int code, std::size_t pages) {
  if (code != EPERM) {
    return code == EACCES ? missing_text({Capability::perfmon}) : "";
  }
  if (has_capability(Capability::ipc_lock)) {
    return "";
  }
  return std::string(kMissing) + "CAP_IPC_LOCK, or more RLIMIT_MEMLOCK than " + std::to_string(may_lock() >> 10) +
         " KiB: a ring takes " + std::to_string((pages + 1) * kPageBytes >> 10) +
         " KiB, for each processor and program)";
}

bpf_perf_event_ret take(void* context, int /*cpu*/, perf_event_header* header) {
  auto& drain = *static_cast<Drain*>(context);
  if (header->type == PERF_RECORD_LOST) {
    drain.lost += reinterpret_cast<const Lost*>(header)->lost;
  } else if (header->type == PERF_RECORD_SAMPLE && drain.batch != nullptr) {
    const auto* sample = reinterpret_cast<const Sample*>(header);
    const auto* data = reinterpret_cast<const std::uint8_t*>(sample) + sizeof(Sample);
    if (sample->size >= sizeof(event_header)) {
      event_header event{};
      std::memcpy(&event, data, sizeof(event));
      const auto time = static_cast<TimestampNs>(sample->time);
      const std::span packet(data + sizeof(event), sample->size - sizeof(event));
      drain.batch->append_sent(time, event, packet, drain.link);
    }
  }
  return LIBBPF_PERF_EVENT_CONT;
}

}  // namespace

void EventBatch::append(TimestampNs timestamp_ns, const event_header& header, std::span<const std::uint8_t> packet) {
  events_.push_back({timestamp_ns, header, bytes_.size(), packet.size()});
  bytes_.insert(bytes_.end(), packet.begin(), packet.end());
}

void EventBatch::append_sent(TimestampNs timestamp_ns, const event_header& header, std::span<const std::uint8_t> packet,
                             LinkHeader link) {
  const std::size_t offset = bytes_.size();
  if (link == LinkHeader::none) {
    const EthernetHeader made = ethernet_header_for(packet);
    bytes_.insert(bytes_.end(), made.begin(), made.end());
  }
  bytes_.insert(bytes_.end(), packet.begin(), packet.end());
  if ((header.verdict & EVENT_TAG) != 0 && bytes_.size() - offset >= kTagOffset) {
    const VlanTag tag = vlan_tag(header.verdict >> EVENT_TAG_SHIFT & VLAN_ID_MASK);
    bytes_.insert(bytes_.begin() + static_cast<std::ptrdiff_t>(offset + kTagOffset), tag.begin(), tag.end());
  }
  events_.push_back({timestamp_ns, header, offset, bytes_.size() - offset});
}

void EventBatch::sort_by_time() {
  const auto earlier = [](const Event& a, const Event& b) { return a.timestamp_ns < b.timestamp_ns; };
  if (!std::is_sorted(events_.begin(), events_.end(), earlier)) {
    std::stable_sort(events_.begin(), events_.end(), earlier);
  }
}

void EventBatch::clear() {
  events_.clear();
  bytes_.clear();
}

struct EventReader::Rings {
  struct Free {
    void operator()(perf_buffer* buffer) const { perf_buffer__free(buffer); }
  };
  using Ring = std::unique_ptr<perf_buffer, Free>;

  int records_fd = -1;
  OnlineProcessors online;  // empty: the rings stay as they are
  SteadyClock::time_point look_at;
  UniqueFd epoll;
  Drain drain;
  std::map<int, Ring> rings;  // by processor
  std::size_t pages = kRingPages;

  // The present errors, by what was tried, and those still to be said.
  std::map<std::string, std::string> failing;
  std::optional<std::string> trouble;

  void note(const std::string& what, const std::string& reason);
  void open(int cpu);
  Ring make(int cpu);
  void close(int cpu);
};

// Other programs of the same user may have locked memory, too.
void EventReader::Rings::open(int cpu) {
  Ring ring;
  while (!ring) {
    try {
      ring = make(cpu);
    } catch (const SystemError& error) {
      if (error.code() != EPERM || pages <= kRingPagesLeast) {
        throw;
      }
      pages /= 2;
    }
  }
  epoll_event event{};
  event.events = EPOLLIN;
  if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, perf_buffer__epoll_fd(ring.get()), &event) != 0) {
    throw SystemError(errno, "adding a ring to the epoll set");
  }
  rings[cpu] = std::move(ring);
}

EventReader::Rings::Ring EventReader::Rings::make(int cpu) {
  const LibbpfMessages messages;
  perf_event_attr attributes{};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_BPF_OUTPUT;
  attributes.sample_type = PERF_SAMPLE_TIME | PERF_SAMPLE_RAW;
  attributes.sample_period = 1;
  attributes.use_clockid = 1;
  attributes.clockid = CLOCK_REALTIME;
  attributes.watermark = 1;
  attributes.wakeup_watermark = static_cast<__u32>(pages * kPageBytes / 4);
  perf_buffer_raw_opts options{};
  options.sz = sizeof(options);
  options.cpu_cnt = 1;
  options.cpus = &cpu;
  options.map_keys = &cpu;
  Ring ring(perf_buffer__new_raw(records_fd, pages, &attributes, take, &drain, &options));
  if (!ring) {
    const int code = errno;
    throw SystemError(code, "opening the ring of map records of processor " + std::to_string(cpu),
                      missing_for_ring(code, pages) + messages.detail());
  }
  return ring;
}

void EventReader::Rings::note(const std::string& what, const std::string& reason) {
  if (reason.empty()) {
    failing.erase(what);
  } else if (failing.emplace(what, reason).second) {
    trouble = reason;
  }
}

// The kernel takes the ring's event from a processor that goes; it does not come back with it.
void EventReader::Rings::close(int cpu) {
  perf_buffer__consume(rings.at(cpu).get());
  rings.erase(cpu);
}

EventReader::EventReader(int records_fd, std::optional<int> cpu, LinkHeader link, OnlineProcessors online,
                         unsigned readers)
    : rings_(std::make_unique<Rings>()) {
  rings_->records_fd = records_fd;
  rings_->drain.link = link;
  rings_->epoll = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  if (!rings_->epoll) {
    throw SystemError(errno, "making an epoll set");
  }
  const std::vector<int> processors = cpu ? std::vector{*cpu} : online();
  rings_->pages = ring_pages(readers * processors.size(), processors.size());
  for (const int processor : processors) {
    rings_->open(processor);
  }
  if (!cpu) {
    rings_->online = std::move(online);
    rings_->look_at = SteadyClock::now() + kLookInterval;
  }
}

EventReader::~EventReader() = default;
EventReader::EventReader(EventReader&&) noexcept = default;
EventReader& EventReader::operator=(EventReader&&) noexcept = default;

int EventReader::poll_fd() const { return rings_->epoll.get(); }

std::uint64_t EventReader::drain(EventBatch& batch) {
  rings_->drain.batch = &batch;
  rings_->drain.lost = 0;
  if (rings_->online && SteadyClock::now() >= rings_->look_at) {
    look_at_processors();
  }
  int result = 0;
  for (const auto& [cpu, ring] : rings_->rings) {
    const int consumed = perf_buffer__consume(ring.get());
    result = result < 0 ? result : consumed;
  }
  rings_->drain.batch = nullptr;
  // The content of a ring stays in it.
  rings_->note("read", result < 0 ? SystemError(-result, "reading the rings of map records").what() : "");
  return rings_->drain.lost;
}

std::optional<std::string> EventReader::small_rings() const {
  if (rings_->pages == kRingPages) {
    return std::nullopt;
  }
  return "rings of " + std::to_string(rings_->pages * kPageBytes >> 10) + " KiB for each processor, not of " +
         std::to_string(kRingPages * kPageBytes >> 10) + ", so that all fit into RLIMIT_MEMLOCK (" +
         std::to_string(may_lock() >> 10) +
         " KiB): more events are lost in a burst; LimitMEMLOCK=, ulimit -l or CAP_IPC_LOCK gives more room";
}

std::optional<std::string> EventReader::take_trouble() { return std::exchange(rings_->trouble, std::nullopt); }

void EventReader::look_at_processors() {
  rings_->look_at = SteadyClock::now() + kLookInterval;
  std::vector<int> online;
  try {
    online = rings_->online();
    rings_->note("look", "");
  } catch (const SystemError& error) {
    rings_->note("look", error.what());
    return;
  }
  std::vector<int> gone;
  for (const auto& [cpu, ring] : rings_->rings) {
    if (std::find(online.begin(), online.end(), cpu) == online.end()) {
      gone.push_back(cpu);
    }
  }
  for (const int cpu : gone) {
    rings_->close(cpu);
  }
  for (const int cpu : online) {
    if (!rings_->rings.contains(cpu)) {
      const std::string what = "open " + std::to_string(cpu);
      try {
        rings_->open(cpu);
        rings_->note(what, "");
      } catch (const SystemError& error) {
        rings_->note(what, error.code() == ENODEV ? "" : error.what());  // ENODEV: it is on its way
      }
    }
  }
}

}  // namespace nicsentry
