// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/datapath/linked_object.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <filesystem>
#include <memory>

#include "host/base/error.h"
#include "host/base/memory_file.h"
#include "host/datapath/libbpf_messages.h"
#include "host/datapath/object_file.h"
#include "host/datapath/object_handle.h"

namespace nicsentry {
namespace {

struct FreeLinker {
  void operator()(bpf_linker* linker) const { bpf_linker__free(linker); }
};

// Static functions have no linkage with other objects.
bool has_global_function(const btf* types, const char* name) {
  const __s32 id = types != nullptr ? btf__find_by_name_kind(types, name, BTF_KIND_FUNC) : -1;
  return id > 0 && btf_vlen(btf__type_by_id(types, static_cast<__u32>(id))) == BTF_FUNC_GLOBAL;
}

void require_on_packet(const std::string& user, const std::string& name) {
  const LibbpfMessages messages;
  bpf_object_open_opts options{};
  options.sz = sizeof(options);
  options.object_name = "user";
  const ObjectHandle object(bpf_object__open_mem(user.data(), user.size(), &options));
  if (!object) {
    throw Error(name + ": it cannot be opened as a compiled program" + messages.detail());
  }
  if (!has_global_function(bpf_object__btf(object.get()), kOnPacket)) {
    throw Error(name +
                ": it has no function `int on_packet(struct xdp_md *ctx)`, not static and with type information " +
                "(clang -g), which --with calls");
  }
}

// The files have no names that a reader knows.
std::string named(std::string text, const MemoryFile& file, const std::string& name) {
  for (std::size_t at = text.find(file.path()); at != std::string::npos; at = text.find(file.path(), at)) {
    text.replace(at, file.path().size(), name);
    at += name.size();
  }
  return text;
}

}  // namespace

std::string link_on_packet(const std::string& user, const std::string& name, std::string_view program) {
  require_on_packet(user, name);
  const std::filesystem::path ours = find_object("with/" + std::string(program), Target::card);
  const MemoryFile theirs(user);
  const MemoryFile output;
  const LibbpfMessages messages;
  const std::unique_ptr<bpf_linker, FreeLinker> linker(bpf_linker__new(output.path().c_str(), nullptr));
  int result = linker ? 0 : -errno;
  // The first program of the section is the one that is loaded.
  for (const std::string& file : {ours.string(), theirs.path()}) {
    result = result == 0 ? bpf_linker__add_file(linker.get(), file.c_str(), nullptr) : result;
  }
  result = result == 0 ? bpf_linker__finalize(linker.get()) : result;
  if (result != 0) {
    throw Error(name + ": it cannot be linked with '" + std::string(program) + "'" +
                named(messages.detail(), theirs, name));
  }
  return output.content();
}

}  // namespace nicsentry
