// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/user_object.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <sstream>
#include <string_view>
#include <utility>

#include "host/base/capabilities.h"
#include "host/base/error.h"
#include "host/datapath/card.h"
#include "host/datapath/libbpf_messages.h"
#include "host/datapath/object_handle.h"

namespace nicsentry {
namespace {

constexpr std::size_t kLogBytes = 16UL << 20;  // the most that kernels take
constexpr const char* kExternTag = "nicsentry:extern";
constexpr std::size_t kLogLinesTold = 12;

ObjectHandle open_object(const std::string& bytes, const std::string& name) {
  bpf_object_open_opts options{};
  options.sz = sizeof(options);
  options.object_name = "user";
  const LibbpfMessages messages;
  ObjectHandle object(bpf_object__open_mem(bytes.data(), bytes.size(), &options));
  if (!object && errno == ENOMEM) {
    throw SystemError(errno, name + ": opening the compiled program", messages.detail());
  }
  if (!object) {
    throw Error(name + ": it cannot be opened as a compiled program" + messages.detail());
  }
  return object;
}

bool is_of(const bpf_program* program, ProgramKind kind) {
  if (kind == ProgramKind::tc) {
    return bpf_program__type(program) == BPF_PROG_TYPE_SCHED_CLS;
  }
  return bpf_program__type(program) == BPF_PROG_TYPE_XDP &&
         bpf_program__expected_attach_type(program) != BPF_XDP_DEVMAP &&
         bpf_program__expected_attach_type(program) != BPF_XDP_CPUMAP;
}

// The first of the kind; nullptr if there is none.
bpf_program* find_program(bpf_object* object, ProgramKind kind) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    if (is_of(program, kind)) {
      return program;
    }
  }
  return nullptr;
}

std::string sections_of(bpf_object* object) {
  std::string names;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    names += (names.empty() ? "" : ", ") + std::string(bpf_program__section_name(program));
  }
  return names.empty() ? "none" : names;
}

// Whether a variable carries a tag in the object's type information.
bool has_tag(const btf* types, const char* variable, const char* tag) {
  if (types == nullptr) {
    return false;
  }
  const __s32 id = btf__find_by_name_kind(types, variable, BTF_KIND_VAR);
  for (__u32 i = 1; id > 0 && i < btf__type_cnt(types); ++i) {
    const btf_type* type = btf__type_by_id(types, i);
    if (btf_is_decl_tag(type) && type->type == static_cast<__u32>(id) &&
        std::strcmp(btf__str_by_offset(types, type->name_off), tag) == 0) {
      return true;
    }
  }
  return false;
}

// The end of a verifier's log: what it was about to say, and at which instruction.
struct LogEnd {
  std::string text;
  std::string reason;
  std::optional<std::size_t> instruction;
};

LogEnd end_of(const char* log) {
  std::vector<std::string> lines;
  LogEnd end;
  std::istringstream stream(log);
  for (std::string line; std::getline(stream, line);) {
    if (line.empty() || line.starts_with("processed ")) {
      continue;
    }
    std::size_t number = 0;
    const auto [rest, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    if (error == std::errc() && std::string_view(rest).starts_with(": (")) {
      end.instruction = number;
    }
    lines.push_back(std::move(line));
  }
  if (!lines.empty()) {
    end.reason = lines.back();
  }
  const std::size_t first = lines.size() > kLogLinesTold ? lines.size() - kLogLinesTold : 0;
  for (std::size_t i = first; i < lines.size(); ++i) {
    end.text += "\n  " + lines[i];
  }
  return end;
}

// A map is pinned by its name: one from a compiler is a name of C, and others could lead out of the directory.
void check_map_name(const std::string& object, const std::string& map) {
  const auto fits = [](unsigned char character) { return std::isalnum(character) != 0 || character == '_'; };
  if (map.empty() || !std::all_of(map.begin(), map.end(), fits)) {
    throw Error(object + ": it has a map with the name '" + map + "'; allowed are letters, digits and _");
  }
}

std::string kind_name(bpf_map_type type) {
  const char* name = libbpf_bpf_map_type_str(type);
  return name != nullptr ? name : "type " + std::to_string(type);
}

}  // namespace

struct UserObject::Handle {
  ObjectHandle object;
  bpf_program* program = nullptr;
};

bool UserObject::has(const std::string& bytes, ProgramKind kind) {
  return find_program(open_object(bytes, "the object").get(), kind) != nullptr;
}

std::vector<std::string> UserObject::map_names(const std::string& bytes, const std::string& name) {
  std::vector<std::string> names;
  const ObjectHandle object = open_object(bytes, name);
  const bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object.get()) {
    if (!bpf_map__is_internal(map)) {
      names.emplace_back(bpf_map__name(map));
    }
  }
  return names;
}

UserObject::UserObject(std::string bytes, std::string name, ProgramKind kind)
    : bytes_(std::move(bytes)), name_(std::move(name)), handle_(std::make_unique<Handle>()) {
  handle_->object = open_object(bytes_, name_);
  bpf_object* object = handle_->object.get();
  handle_->program = find_program(object, kind);
  if (handle_->program == nullptr) {
    throw Error(name_ + ": it has no program for " +
                (kind == ProgramKind::xdp ? "XDP (SEC(\"xdp\"))" : "TC (SEC(\"tc\"))") +
                "; its sections with programs: " + sections_of(object));
  }
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) { bpf_program__set_autoload(program, program == handle_->program); }
  for (const UserMap& map : maps()) {
    check_map_name(name_, map.name);
  }
  unpinned_maps_ = make_no_pins(object);
  program_name_ = bpf_program__name(handle_->program);
  section_ = bpf_program__section_name(handle_->program);
}

UserObject::~UserObject() = default;
UserObject::UserObject(UserObject&& other) noexcept = default;
UserObject& UserObject::operator=(UserObject&& other) noexcept = default;

std::vector<UserMap> UserObject::maps() const {
  std::vector<UserMap> maps;
  const btf* types = bpf_object__btf(handle_->object.get());
  const bpf_map* map = nullptr;
  bpf_object__for_each_map(map, handle_->object.get()) {
    if (is_own(bpf_map__name(map)) && !bpf_map__is_internal(map)) {
      maps.push_back({bpf_map__name(map), kind_name(bpf_map__type(map)), bpf_map__type(map), bpf_map__key_size(map),
                      bpf_map__value_size(map), bpf_map__max_entries(map),
                      has_tag(types, bpf_map__name(map), kExternTag)});
    }
  }
  return maps;
}

std::string UserObject::types() const {
  const btf* types = bpf_object__btf(handle_->object.get());
  __u32 size = 0;
  const void* data = types != nullptr ? btf__raw_data(types, &size) : nullptr;
  return data != nullptr ? std::string(static_cast<const char*>(data), size) : std::string();
}

void UserObject::set_constant(const std::string& variable, std::uint64_t value) {
  const btf* types = bpf_object__btf(handle_->object.get());
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, handle_->object.get()) {
    std::size_t size = 0;
    auto* data = static_cast<char*>(const_cast<void*>(bpf_map__initial_value(map, &size)));
    const bool constants = std::string_view(bpf_map__name(map)).ends_with(".rodata");
    const __s32 id = types != nullptr && constants ? btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC) : 0;
    if (data == nullptr || id <= 0) {
      continue;
    }
    const btf_type* section = btf__type_by_id(types, static_cast<__u32>(id));
    for (int i = 0; i < btf_vlen(section); ++i) {
      const btf_var_secinfo& entry = btf_var_secinfos(section)[i];
      const char* name = btf__str_by_offset(types, btf__type_by_id(types, entry.type)->name_off);
      if (variable == name && entry.size == sizeof(value) && entry.offset + sizeof(value) <= size) {
        std::memcpy(data + entry.offset, &value, sizeof(value));
      }
    }
  }
}

void UserObject::use_map(const std::string& name, int fd) {
  const LibbpfMessages messages;
  bpf_map* map = bpf_object__find_map_by_name(handle_->object.get(), name.c_str());
  const int result = map != nullptr ? bpf_map__reuse_fd(map, fd) : -ENOENT;
  if (result != 0) {
    throw SystemError(-result, name_ + ": using another program's map " + name, messages.detail());
  }
}

void UserObject::bind(const Interface& card) {
  bind_to_card(handle_->object.get(), handle_->program, card.index);
  card_ = card;
}

void UserObject::share(const UserObject& other, const std::vector<std::string>& own) {
  const LibbpfMessages messages;
  bpf_map* theirs = bpf_object__next_map(other.handle_->object.get(), nullptr);
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, handle_->object.get()) {
    const std::string_view name = bpf_map__name(map);
    const bool constant = bpf_map__is_internal(map) && (name.find(".rodata") != std::string_view::npos ||
                                                        name.find(".kconfig") != std::string_view::npos);
    if (!constant && std::find(own.begin(), own.end(), name) == own.end()) {
      const int result = bpf_map__reuse_fd(map, bpf_map__fd(theirs));
      if (result != 0) {
        throw SystemError(-result, name_ + ": sharing map " + std::string(name), messages.detail());
      }
    }
    theirs = bpf_object__next_map(other.handle_->object.get(), theirs);
  }
}

void UserObject::load() {
  const LibbpfMessages messages;
  const std::unique_ptr<char[]> log(new char[kLogBytes]);  // not cleared: the kernel writes a text
  log[0] = '\0';
  bpf_program__set_log_buf(handle_->program, log.get(), kLogBytes);
  const int result = bpf_object__load(handle_->object.get());
  bpf_program__set_log_buf(handle_->program, nullptr, 0);
  if (result == 0) {
    if (card_) {
      make_elements();
    }
    return;
  }
  LogEnd end = end_of(log.get());
  const std::string where = card_ ? " for the card of " + card_->name : "";
  if (end.reason.empty() && card_ && result == -EINVAL) {
    // The verifier had nothing against it; the driver tells why it cannot translate a program in the kernel's log only.
    const std::string reason = "the driver's reason is in the kernel's log: dmesg | grep 'NFP net bpf'";
    throw VerifierRefusal(name_ + ": the driver of " + card_->name + " does not take it: EINVAL\n  " + reason, reason,
                          std::nullopt);
  }
  if (end.reason.empty()) {
    throw SystemError(
        -result, name_ + ": loading the program" + where,
        missing_for_programs() + messages.detail() + (card_ && result == -ENOMEM ? no_room_on_card() : ""));
  }
  throw VerifierRefusal(
      name_ + (card_ ? ": the driver of " + card_->name : ": the kernel's verifier") + " does not take it:" + end.text,
      end.reason + missing_for_programs(), end.instruction);
}

JoinedProgram UserObject::join(const Interface& port, Mode mode, std::optional<std::uint32_t> priority) const {
  const UserObject second(bytes_, name_, ProgramKind::xdp);
  {
    const LibbpfMessages messages;
    const bpf_map* mine = bpf_object__next_map(handle_->object.get(), nullptr);
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, second.handle_->object.get()) {
      if (const int result = bpf_map__reuse_fd(map, bpf_map__fd(mine)); result != 0) {
        throw SystemError(-result, name_ + ": sharing map " + bpf_map__name(map), messages.detail());
      }
      mine = bpf_object__next_map(handle_->object.get(), mine);
    }
  }
  return join_dispatcher(port, mode, second.handle_->object.get(), section_, priority);
}

bool UserObject::is_own(const std::string& map) const {
  return !own_maps_ || std::find(own_maps_->begin(), own_maps_->end(), map) != own_maps_->end();
}

void UserObject::each_other_map(const std::function<void(const std::string& name, int fd)>& act) const {
  const bpf_map* map = nullptr;
  bpf_object__for_each_map(map, handle_->object.get()) {
    if (!is_own(bpf_map__name(map))) {
      act(bpf_map__name(map), bpf_map__fd(map));
    }
  }
}

// By the open firmware's source an element of an array is not there before the host has written it (hw/README.md). One
// that is there may be added to at any time.
void UserObject::make_elements() const {
  for (const UserMap& map : maps()) {
    const int fd = map_fd(map.name);
    std::vector<char> value(map.value_bytes);
    std::uint32_t index = map.max_entries - 1;
    if (map.type != BPF_MAP_TYPE_ARRAY || bpf_map_lookup_elem(fd, &index, value.data()) == 0 || errno != ENOENT) {
      continue;
    }
    std::fill(value.begin(), value.end(), '\0');
    for (index = 0; index < map.max_entries; ++index) {
      if (bpf_map_update_elem(fd, &index, value.data(), BPF_ANY) != 0) {
        throw SystemError(errno, name_ + ": making the elements of map " + map.name + " on the card");
      }
    }
  }
}

int UserObject::program_fd() const { return bpf_program__fd(handle_->program); }

int UserObject::map_fd(const std::string& name) const {
  return bpf_object__find_map_fd_by_name(handle_->object.get(), name.c_str());
}

std::size_t UserObject::instructions() const { return bpf_program__insn_cnt(handle_->program); }

}  // namespace nicsentry
