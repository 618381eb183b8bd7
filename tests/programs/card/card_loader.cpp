// SPDX-License-Identifier: GPL-2.0-or-later
// Loads programs beside a virtual card, one after the other, and prints a line for each:
//
//     OBJECT<tab>KERNEL<tab>CARD<tab>MESSAGE
//
// KERNEL: taken or refused, as the verifier says without a card. CARD: the number of NFP instructions, or refused.
// MESSAGE: the driver's last one. The objects are named on standard input, a line each; "OBJECT MTU" sets the port's
// MTU. With --taken-only programs that the kernel refuses are not given to the driver: its hooks run before the
// kernel's own checks, and a negative offset into a map's value takes it beyond its memory. CARD is then "-".
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>

namespace {

constexpr const char* kPort = "nfp0";
constexpr const char* kSection = "xdp";
constexpr int kReadAll = 3;  // SYSLOG_ACTION_READ_ALL
constexpr int kClear = 5;    // SYSLOG_ACTION_CLEAR
constexpr int kTries = 3;
constexpr unsigned kPauseUs = 100'000;

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using Object = std::unique_ptr<bpf_object, CloseObject>;

std::string said;

int collect(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG) {
    return 0;
  }
  static std::array<char, 1 << 20> line;
  const int length = std::vsnprintf(line.data(), line.size(), format, arguments);
  said += line.data();
  return length;
}

// The first program of the section, alone.
bpf_program* choose(bpf_object* object) {
  bpf_program* program = nullptr;
  bpf_program* chosen = nullptr;
  bpf_object__for_each_program(program, object) {
    const bool is = chosen == nullptr && std::strcmp(bpf_program__section_name(program), kSection) == 0;
    bpf_program__set_autoload(program, is);
    chosen = is ? program : chosen;
  }
  if (chosen != nullptr) {
    bpf_program__set_type(chosen, BPF_PROG_TYPE_XDP);
  }
  return chosen;
}

bool kernel_takes(const std::string& path) {
  const Object object(bpf_object__open_file(path.c_str(), nullptr));
  if (!object || choose(object.get()) == nullptr) {
    return false;
  }
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object.get()) {
    if (!bpf_map__is_internal(map) && bpf_map__max_entries(map) > 1) {
      bpf_map__set_max_entries(map, 1);
    }
  }
  return bpf_object__load(object.get()) == 0;
}

unsigned attach_and_count(unsigned port, int program) {
  if (bpf_xdp_attach(static_cast<int>(port), program, XDP_FLAGS_HW_MODE, nullptr) != 0) {
    return 0;
  }
  bpf_prog_info info{};
  __u32 size = sizeof(info);
  const bool known = bpf_obj_get_info_by_fd(program, &info, &size) == 0;
  bpf_xdp_detach(static_cast<int>(port), XDP_FLAGS_HW_MODE, nullptr);
  return known ? info.jited_prog_len / 8 : 0;
}

// The number of instructions; 0: refused.
unsigned card_takes(unsigned port, const std::string& path) {
  const Object object(bpf_object__open_file(path.c_str(), nullptr));
  bpf_program* program = object ? choose(object.get()) : nullptr;
  if (program == nullptr) {
    return 0;
  }
  bpf_program__set_ifindex(program, port);
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object.get()) {
    if (bpf_map__type(map) != BPF_MAP_TYPE_PERF_EVENT_ARRAY) {
      bpf_map__set_ifindex(map, port);
    }
  }
  if (bpf_object__load(object.get()) != 0) {
    return 0;
  }
  return attach_and_count(port, bpf_program__fd(program));
}

// The last line of a text that has `mark`, from there on.
std::string last_line(const std::string& text, const std::string& mark) {
  std::istringstream lines(text);
  std::string found;
  for (std::string line; std::getline(lines, line);) {
    if (const auto at = line.find(mark);
        at != std::string::npos && line.find("differ for offload") == std::string::npos) {
      found = line.substr(at + mark.size());
    }
  }
  return found;
}

std::string kernel_log() {
  static std::array<char, 1 << 20> log;
  const int length = klogctl(kReadAll, log.data(), static_cast<int>(log.size()));
  return std::string(log.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
}

bool no_room() {
  const std::string log = kernel_log();
  return log.find("map with too many elements") != std::string::npos ||
         log.find("too many maps for a device") != std::string::npos;
}

std::string message() {
  const std::string kernel = kernel_log();
  for (const auto& found : {last_line(said, "[nfp] "), last_line(kernel, "NFP net bpf: "),
                            last_line(said, "libbpf: map "), last_line(said, "libbpf: ")}) {
    if (!found.empty()) {
      return found;
    }
  }
  return "no message";
}

void set_mtu(int mtu) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strncpy(request.ifr_name, kPort, sizeof(request.ifr_name) - 1);
  request.ifr_mtu = mtu;
  ioctl(socket, SIOCSIFMTU, &request);
  close(socket);
}

}  // namespace

int main(int count_of_arguments, char** arguments) {
  const bool taken_only = count_of_arguments > 1 && std::strcmp(arguments[1], "--taken-only") == 0;
  libbpf_set_print(collect);
  const unsigned port = if_nametoindex(kPort);
  if (port == 0) {
    std::cerr << "card_loader: there is no " << kPort << '\n';
    return 1;
  }
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string path;
    int mtu = 1500;
    words >> path >> mtu;
    set_mtu(mtu == 0 ? 1500 : mtu);
    const bool kernel = kernel_takes(path);
    if (!kernel && taken_only) {
      std::cout << path << "\trefused\t-\t" << std::endl;
      continue;
    }
    said.clear();
    klogctl(kClear, nullptr, 0);
    unsigned count = card_takes(port, path);
    // Maps of the object before are freed a moment after it.
    for (int tries = 0; count == 0 && tries < kTries && no_room(); ++tries) {
      usleep(kPauseUs);
      klogctl(kClear, nullptr, 0);
      said.clear();
      count = card_takes(port, path);
    }
    std::cout << path << '\t' << (kernel ? "taken" : "refused") << '\t'
              << (count != 0 ? std::to_string(count) : "refused") << '\t' << (count != 0 ? "" : message()) << std::endl;
  }
  return 0;
}
