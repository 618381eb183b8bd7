// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/app/named_files.h"

#include <exception>
#include <filesystem>
#include <functional>
#include <optional>
#include <system_error>

#include "host/api/access/token_file.h"
#include "host/api/server/tls_identity.h"
#include "host/app/firewall_setup.h"
#include "host/base/error.h"
#include "host/enforce/firewall.h"

namespace nicsentry {
namespace {

namespace fs = std::filesystem;

class FileFaults {
 public:
  void look(const char* option, const std::function<void()>& read) {
    try {
      read();
    } catch (const std::exception& error) {
      faults_.push_back({option, error.what()});
    }
  }
  std::vector<NamedFileFault> take() { return std::move(faults_); }

 private:
  std::vector<NamedFileFault> faults_;
};

// Rules may name sets that only the state directory has.
void add_sets_of_state(Firewall& firewall, const fs::path& state) {
  std::error_code missing;
  for (fs::directory_iterator entry(state / "sets", missing), end; !missing && entry != end; entry.increment(missing)) {
    if (entry->path().extension() == ".netset") {
      firewall.replace_set(entry->path().stem().string(), {});
    }
  }
}

// In force nowhere: as no program enforces it, nothing can be cut off by it.
void try_rules(const DaemonOptions& options, bool ingress) {
  DaemonOptions wanted = options;
  (ingress ? wanted.egress_rules : wanted.rules).reset();
  Firewall firewall(Firewall::Options{});
  if (options.state) {
    add_sets_of_state(firewall, *options.state);
  }
  apply_rule_files(firewall, wanted);
}

bool is_file(const std::optional<fs::path>& path) { return path && *path != "-"; }

void require_directory(const fs::path& path, const char* what) {
  std::error_code failure;
  const fs::file_status status = fs::status(path, failure);
  if (!fs::exists(status)) {
    throw SystemError(failure ? failure.value() : ENOENT, what + path.string());
  }
  if (!fs::is_directory(status)) {
    throw SystemError(ENOTDIR, what + path.string());
  }
}

}  // namespace

std::vector<NamedFileFault> faults_of_named_files(const DaemonOptions& options) {
  FileFaults faults;
  if (is_file(options.rules)) {
    faults.look("rules", [&options] { try_rules(options, true); });
  }
  if (is_file(options.egress_rules)) {
    faults.look("egress-rules", [&options] { try_rules(options, false); });
  }
  if (options.listen.token_file) {
    faults.look("token-file", [&options] { read_token_file(*options.listen.token_file); });
  }
  if (options.listen.tls_certificate && options.listen.tls_key) {
    faults.look("tls-cert",
                [&options] { tls_identity::use(*options.listen.tls_certificate, *options.listen.tls_key); });
  }
  if (is_file(options.log)) {
    const fs::path folder = options.log->has_parent_path() ? options.log->parent_path() : fs::path(".");
    faults.look("log", [&folder] { require_directory(folder, "writing the log into "); });
  }
  std::error_code none;
  if (options.state && fs::exists(*options.state, none)) {
    faults.look("state", [&options] { require_directory(*options.state, "keeping the state in "); });
  }
  return faults.take();
}

}  // namespace nicsentry
