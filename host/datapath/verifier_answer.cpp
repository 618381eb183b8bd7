// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/verifier_answer.h"

#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "host/base/capabilities.h"
#include "host/datapath/libbpf_messages.h"
#include "host/datapath/object_handle.h"

namespace nicsentry {
namespace {

// The verifier does not look at the number of elements, and a card may have more than this machine has memory for.
void shrink_maps(bpf_object* object) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (!bpf_map__is_internal(map) && bpf_map__max_entries(map) > 1) {
      bpf_map__set_max_entries(map, 1);
    }
  }
}

bool choose_program(bpf_object* object, const std::string& section) {
  bpf_program* program = nullptr;
  bool found = false;
  bpf_object__for_each_program(program, object) {
    const bool chosen = !found && section == bpf_program__section_name(program);
    bpf_program__set_autoload(program, chosen);
    if (chosen) {
      bpf_program__set_type(program, BPF_PROG_TYPE_XDP);
      bpf_program__set_expected_attach_type(program, BPF_XDP);
      found = true;
    }
  }
  return found;
}

}  // namespace

VerifierAnswer ask_verifier(const std::filesystem::path& path, const std::string& section) {
  if (const std::string missing = missing_for_programs(); !missing.empty()) {
    return {false, false, "that needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON" + missing};
  }
  const LibbpfMessages messages;
  const ObjectHandle object(bpf_object__open_file(path.c_str(), nullptr));
  if (!object || !choose_program(object.get(), section)) {
    return {false, false, "libbpf cannot open the object" + messages.detail()};
  }
  shrink_maps(object.get());
  make_no_pins(object.get());
  const int result = bpf_object__load(object.get());
  if (result == 0) {
    return {true, true, {}};
  }
  const bool verified = messages.contain("BEGIN PROG LOAD LOG");
  if (!verified) {
    return {false, false, std::string("libbpf cannot load the object: ") + std::strerror(-result) + messages.detail()};
  }
  return {true, false, "the verifier of the running kernel refuses it" + messages.detail()};
}

}  // namespace nicsentry
