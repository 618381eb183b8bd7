// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace nicsentry {

// The events that wait for one reader, as text of server-sent events (WHATWG HTML, 9.2). A reader that stands still
// loses the oldest, and is told how many. Any thread may call.
class EventStream {
 public:
  static constexpr std::size_t kMostEvents = 1024;
  static constexpr std::size_t kMostBytes = std::size_t{1} << 20;

  using Text = std::shared_ptr<const std::string>;

  // Waits for nobody.
  void offer(Text event);
  // A comment, by which a reader's end and a dead connection are noticed. Not while events wait.
  void beat();
  // The reader gets what waits, and then the end.
  void close();
  // Events that were lost.
  std::uint64_t lost() const;

  // For the server. `wake` is called once from offer(), beat() or close() after wait_for_more() said true. It may not
  // call the stream.
  void set_wake(std::function<void()> wake);
  // Copies at most `most` bytes of what waits. 0: nothing waits.
  std::size_t take(char* to, std::size_t most);
  // Whether there will be more: `suspend` was called then, before anybody can call `wake`. False: it is the end, or
  // something waits already.
  bool wait_for_more(const std::function<void()>& suspend);
  bool ended() const;

 private:
  void wake_reader();

  mutable std::mutex mutex_;
  std::function<void()> wake_;
  std::deque<Text> events_;
  std::size_t bytes_ = 0;
  std::string part_;  // of the event that is being read, or of the comment
  std::size_t part_read_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t lost_told_ = 0;
  bool waiting_ = false;  // the reader, for wake_
  bool closed_ = false;
};

}  // namespace nicsentry
