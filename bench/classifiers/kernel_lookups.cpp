// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel_lookups.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "host/base/error.h"

namespace nicsentry::bench {
namespace {

constexpr unsigned kLookups = 64;  // in a run, as in lookups.bpf.c
constexpr std::uint32_t kRepeat = 2000;

struct Element {
  std::uint32_t next = 0;
  std::array<std::uint32_t, 13> rest{};
};
struct HashKey {
  std::array<std::uint32_t, 3> words{};
};

struct Close {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using Object = std::unique_ptr<bpf_object, Close>;

bpf_map* map_of(const Object& object, const char* name) { return bpf_object__find_map_by_name(object.get(), name); }

double time_of(const Object& object, const char* program) {
  std::array<std::uint8_t, 64> frame{};
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.data_in = frame.data();
  options.data_size_in = frame.size();
  options.repeat = kRepeat;
  constexpr std::uint32_t kXdpPass = 2;
  if (bpf_prog_test_run_opts(bpf_program__fd(bpf_object__find_program_by_name(object.get(), program)), &options) != 0) {
    throw SystemError(errno, std::string("timing ") + program);
  }
  if (options.retval != kXdpPass) throw Error(std::string(program) + " has not found an element");
  return options.duration;
}

// Links all elements into one cycle, in random order.
void fill(const Object& object, std::uint32_t elements) {
  std::vector<std::uint32_t> order(elements);
  std::iota(order.begin(), order.end(), 0U);
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  const int array = bpf_map__fd(map_of(object, "elements"));
  const int hashed = bpf_map__fd(map_of(object, "hashed"));
  for (std::uint32_t i = 0; i < elements; ++i) {
    Element element;
    element.next = order[(i + 1) % elements];
    HashKey key;
    key.words[0] = order[i];
    if (bpf_map_update_elem(array, &order[i], &element, BPF_ANY) != 0 ||
        bpf_map_update_elem(hashed, &key, &element, BPF_ANY) != 0) {
      throw SystemError(errno, "filling the maps of lookups.o");
    }
  }
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

}  // namespace

KernelLookups kernel_lookups(const std::string& object_path, std::uint32_t elements, unsigned rounds) {
  const Object object(bpf_object__open_file(object_path.c_str(), nullptr));
  if (!object || bpf_map__set_max_entries(map_of(object, "elements"), elements) != 0 ||
      bpf_map__set_max_entries(map_of(object, "hashed"), elements) != 0 || bpf_object__load(object.get()) != 0) {
    throw SystemError(errno, "loading " + object_path);
  }
  fill(object, elements);
  std::vector<double> array;
  std::vector<double> hash;
  for (unsigned round = 0; round < rounds; ++round) {
    const double none = time_of(object, "none");
    array.push_back((time_of(object, "array_lookups") - none) / kLookups);
    hash.push_back((time_of(object, "hash_lookups") - none) / kLookups);
  }
  return {elements, median(array), median(hash)};
}

}  // namespace nicsentry::bench
