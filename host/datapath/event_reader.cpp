// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/event_reader.h"

#include <bpf/libbpf.h>
#include <linux/perf_event.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "host/base/error.h"
#include "host/datapath/libbpf_messages.h"

namespace nicsentry {
namespace {

constexpr std::size_t kRingPages = 512;  // 2 MiB a processor
constexpr unsigned kPageBytes = 4096;

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
};

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
      drain.batch->append(static_cast<TimestampNs>(sample->time), event,
                          {data + sizeof(event), sample->size - sizeof(event)});
    }
  }
  return LIBBPF_PERF_EVENT_CONT;
}

}  // namespace

void EventBatch::append(TimestampNs timestamp_ns, const event_header& header, std::span<const std::uint8_t> packet) {
  events_.push_back({timestamp_ns, header, bytes_.size(), packet.size()});
  bytes_.insert(bytes_.end(), packet.begin(), packet.end());
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
  perf_buffer* buffer = nullptr;
  Drain drain;

  Rings() = default;
  Rings(const Rings&) = delete;
  Rings& operator=(const Rings&) = delete;
  ~Rings() { perf_buffer__free(buffer); }
};

EventReader::EventReader(int records_fd, std::optional<int> cpu) : rings_(std::make_unique<Rings>()) {
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
  attributes.wakeup_watermark = kRingPages * kPageBytes / 4;
  perf_buffer_raw_opts options{};
  options.sz = sizeof(options);
  int key = cpu.value_or(0);
  if (cpu) {
    options.cpu_cnt = 1;
    options.cpus = &key;
    options.map_keys = &key;
  }
  rings_->buffer = perf_buffer__new_raw(records_fd, kRingPages, &attributes, take, &rings_->drain, &options);
  if (rings_->buffer == nullptr) {
    throw SystemError(errno, "opening the rings of map records", messages.detail());
  }
}

EventReader::~EventReader() = default;
EventReader::EventReader(EventReader&&) noexcept = default;
EventReader& EventReader::operator=(EventReader&&) noexcept = default;

int EventReader::poll_fd() const { return perf_buffer__epoll_fd(rings_->buffer); }

std::uint64_t EventReader::drain(EventBatch& batch) {
  rings_->drain = {&batch, 0};
  const int result = perf_buffer__consume(rings_->buffer);
  rings_->drain.batch = nullptr;
  if (result < 0) {
    throw SystemError(-result, "reading the rings of map records");
  }
  return rings_->drain.lost;
}

}  // namespace nicsentry
