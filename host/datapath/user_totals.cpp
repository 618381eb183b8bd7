// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/user_totals.h"

#include <bpf/bpf.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "host/base/error.h"
#include "host/datapath/user_map.h"

namespace nicsentry {
namespace {

constexpr std::uint32_t kTotalsKeys = 65536;

}  // namespace

UniqueFd UserTotals::make(const Shape& shape) {
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  options.map_flags = BPF_F_NO_PREALLOC;
  const auto value_bytes = static_cast<__u32>(shape.numbers * sizeof(std::uint64_t));
  UniqueFd map(
      bpf_map_create(BPF_MAP_TYPE_HASH, "nicsentry_total", shape.key_bytes, value_bytes, kTotalsKeys, &options));
  if (!map) {
    throw SystemError(errno, "making the totals of a metric");
  }
  return map;
}

std::optional<UserTotals> UserTotals::open(const std::filesystem::path& pin) {
  UniqueFd map(bpf_obj_get(pin.c_str()));
  bpf_map_info info{};
  __u32 length = sizeof(info);
  if (!map || bpf_obj_get_info_by_fd(map.get(), &info, &length) != 0) {
    return std::nullopt;
  }
  return UserTotals(std::move(map), info.value_size / static_cast<__u32>(sizeof(std::uint64_t)));
}

bool UserTotals::add(std::span<const std::byte> key, std::span<const std::uint64_t> numbers) const {
  std::vector<std::uint64_t> sum(numbers_);
  if (bpf_map_lookup_elem(map_.get(), key.data(), sum.data()) != 0 && errno != ENOENT) {
    throw SystemError(errno, "reading the totals of a metric");
  }
  for (std::size_t i = 0; i < std::min(sum.size(), numbers.size()); ++i) {
    sum[i] += numbers[i];
  }
  if (bpf_map_update_elem(map_.get(), key.data(), sum.data(), BPF_ANY) == 0) {
    return true;
  }
  if (errno == E2BIG || errno == ENOMEM) {
    return false;
  }
  throw SystemError(errno, "writing the totals of a metric");
}

UserTotals::Content UserTotals::read() const {
  UniqueFd copy(fcntl(map_.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) {
    throw SystemError(errno, "duplicating a descriptor");
  }
  MapContent content = UserMapReader(std::move(copy), "of totals").read();
  Content made;
  made.key_bytes = content.key_bytes;
  made.keys = std::move(content.keys);
  made.numbers.resize(content.entries * numbers_);
  if (!made.numbers.empty()) {
    std::memcpy(made.numbers.data(), content.values.data(), made.numbers.size() * sizeof(std::uint64_t));
  }
  return made;
}

UniqueFd ReadStatisticsMap::make(std::size_t metrics) {
  UniqueFd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "nicsentry_reads", sizeof(__u32), sizeof(ReadStatistics),
                              static_cast<__u32>(std::max<std::size_t>(metrics, 1)), nullptr));
  if (!map) {
    throw SystemError(errno, "making the statistics of reads");
  }
  return map;
}

std::optional<ReadStatisticsMap> ReadStatisticsMap::open(const std::filesystem::path& pin) {
  UniqueFd map(bpf_obj_get(pin.c_str()));
  return map ? std::optional(ReadStatisticsMap(std::move(map))) : std::nullopt;
}

ReadStatistics ReadStatisticsMap::get(std::uint32_t metric) const {
  ReadStatistics statistics;
  if (bpf_map_lookup_elem(map_.get(), &metric, &statistics) != 0) {
    throw SystemError(errno, "reading the statistics of reads");
  }
  return statistics;
}

void ReadStatisticsMap::set(std::uint32_t metric, const ReadStatistics& statistics) const {
  if (bpf_map_update_elem(map_.get(), &metric, &statistics, BPF_ANY) != 0) {
    throw SystemError(errno, "writing the statistics of reads");
  }
}

}  // namespace nicsentry
