// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/base/unique_fd.h"
#include "host/datapath/user_object.h"
#include "host/datapath/user_totals.h"

namespace nicsentry {

struct PinnedProgram {
  std::string hook;  // its name in the directory: "ingress" or "egress", "-other" behind it for the second copy
  UniqueFd fd;
  std::uint32_t id = 0;
};

// The pins of one load. Two are there only while one replaces the other, or when that was interrupted.
struct PinnedLoad {
  unsigned number = 0;
  std::string record;  // a text of the loader's; empty where the load was interrupted before it was complete
  std::vector<PinnedProgram> programs;
};

struct ProgramToPin {
  std::string hook;
  const UserObject* object = nullptr;
  const UserObject* other = nullptr;  // a second copy, which has maps of its own in place of the swapped ones
  std::vector<std::string> swapped;
  std::size_t metrics = 0;                // whose reads are counted
  std::vector<UserTotals::Shape> totals;  // of metrics whose maps reads empty
  std::vector<std::string> differing;     // on a card: maps of which a read takes the difference
};

// Which copies of a load's programs are in use, by their ids: of ingress and egress.
struct SwapState {
  std::array<std::uint32_t, 2> active{};  // the one put on its hook last
  std::array<std::uint32_t, 2> closed{};  // taken off its hook, and not read to its end yet; 0: none
};

// The state of a load that has second copies. Whoever reads it or writes it has the lock of the name's readers.
class SwapStateMap {
 public:
  static SwapStateMap open(const std::filesystem::path& pin);
  SwapState get() const;
  void set(const SwapState& state) const;

 private:
  explicit SwapStateMap(UniqueFd map) : map_(std::move(map)) {}
  UniqueFd map_;
};

// Users' programs by name, in `programs` below nicsentry's own directory of the BPF file system (pins.h): NAME/NUMBER/
// with the programs, their maps and types, and a record. One process at a time has it.
class UserPins {
 public:
  // Waits for other processes, a minute at most. Throws Unavailable after that, and Error where there is no BPF file
  // system, or where the directory is another user's.
  static UserPins open();
  // Nothing while another process has it.
  static std::optional<UserPins> open_at_once();
  // Whether programs can have this name: 1 to kNameMax letters, digits, - and _. No program has another one.
  static constexpr std::size_t kNameMax = 64;
  static bool is_name(const std::string& name);
  // Whether the directory is there: without it nothing was ever loaded.
  static bool any();
  // The loads of all names. Takes no lock, so that one which is being made or removed may be there in part. None where
  // the directory is another user's.
  static std::vector<std::pair<std::string, PinnedLoad>> look();
  // Waits for other readers of this name's maps, as open() does. To be called before open(). Nothing where the name is
  // not there.
  static UniqueFd lock_readers(const std::string& name);

  std::vector<std::string> names() const;  // sorted
  // By number. None where the name is not there, or can be none.
  std::vector<PinnedLoad> loads(const std::string& name) const;
  // Pins programs and maps, the record last. Throws SystemError, and leaves nothing then.
  void add(const std::string& name, unsigned number, const std::vector<ProgramToPin>& programs,
           const std::string& record) const;
  // Quiet where it is not there. Removes the name with its last load.
  void remove(const std::string& name, unsigned number) const;
  std::filesystem::path directory(const std::string& name, unsigned number) const;
  // The type information of a program (UserObject::types()): the kernel keeps none of queues and stacks.
  std::string types(const std::string& name, unsigned number, const std::string& hook) const;
  // Where the maps of a program are pinned, each by its name. `hook` is PinnedProgram::hook.
  std::filesystem::path maps_directory(const std::string& name, unsigned number, const std::string& hook) const;
  // Where the statistics of reads are pinned, and the totals of those metrics that have any.
  std::filesystem::path reads(const std::string& name, unsigned number, const std::string& hook) const;
  std::filesystem::path totals(const std::string& name, unsigned number, const std::string& hook,
                               const std::string& metric) const;
  // Where the LastReadings of a card's map are pinned, if reads take its differences. `hook` as in maps_directory().
  std::filesystem::path last_readings(const std::string& name, unsigned number, const std::string& hook,
                                      const std::string& map) const;
  // Where the SwapState is pinned, if any program has a second copy.
  std::filesystem::path swap_state(const std::string& name, unsigned number) const;

 private:
  static std::optional<UserPins> open_within(std::chrono::milliseconds patience);
  UserPins(std::filesystem::path path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::filesystem::path path_;
  UniqueFd lock_;
};

std::uint32_t user_program_id(int fd);
// NFP instructions of a program on a card; nothing for one of the host, or whose card is gone.
std::optional<std::uint32_t> card_instructions(int fd);

}  // namespace nicsentry
