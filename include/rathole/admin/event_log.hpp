#pragma once

#include <rathole/admin/event_record.hpp>
#include <rathole/admin/packed_event.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace rathole::admin {

/// The last events, for readers that come later or read slowly. Any thread may use it.
class event_log {
 public:
  /// The most events that are kept.
  static constexpr std::size_t capacity = 1024;
  /// The most bytes that their texts and numbers need. If they are longer than usual, fewer events are kept,
  /// but always the last one.
  static constexpr std::size_t byte_capacity = std::size_t{256} * 1024;

  /// The events after one, and how many before them are lost.
  struct page {
    /// The events, the oldest first.
    std::vector<event_record> events = {};
    /// How many events before the first are not kept any more.
    std::uint64_t missed = 0;
  };

  /// Calls `wake` when there are new events after a call of `read`, once for each such call; any thread
  /// may call it. Null ends the calls.
  void on_events(std::function<void()> wake) {
    const std::lock_guard held(guard_);
    wake_ = std::move(wake);
  }

  /// Adds an event, which gets the next number. Its name must be a constant of the program.
  void add(const event_record& what) {
    packed_event packed(what);
    const std::lock_guard held(guard_);
    ++last_;
    bytes_ += packed.size();
    events_.push_back(std::move(packed));
    while (events_.size() > capacity || (bytes_ > byte_capacity && events_.size() > 1)) {
      bytes_ -= events_.front().size();
      events_.pop_front();
    }
    if (std::exchange(is_awaited_, false) && wake_) wake_();
  }

  /// Returns the id of the last event; 0 if there was none.
  [[nodiscard]] std::uint64_t last() const {
    const std::lock_guard held(guard_);
    return last_;
  }

  /// Returns at most `most` events after the one with the id `after`.
  page read(std::uint64_t after, std::size_t most) {
    const std::lock_guard held(guard_);
    page out;
    const std::uint64_t first = last_ - events_.size() + 1;
    if (after + 1 < first) out.missed = first - after - 1;
    const std::uint64_t begin = after + 1 > first ? after + 1 - first : 0;
    for (std::size_t i = begin; i < events_.size() && out.events.size() < most; ++i) {
      out.events.push_back(events_[i].unpacked(first + i));
    }
    is_awaited_ = true;
    return out;
  }

 private:
  mutable std::mutex guard_;
  std::deque<packed_event> events_;
  std::size_t bytes_ = 0;
  std::uint64_t last_ = 0;
  std::function<void()> wake_;
  bool is_awaited_ = false;
};

}  // namespace rathole::admin
