#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::admin {

/// Something that happened, for the stream of events. Members that do not concern the event are empty
/// or 0.
struct event_record {
  /// The number of the event, counted from 1.
  std::uint64_t id = 0;
  /// When it happened.
  std::chrono::system_clock::time_point at = {};
  /// The name of the event, such as `connection_started`.
  std::string_view name = {};
  /// The name of the service.
  std::string service = {};
  /// The address that it concerns: of a visitor, a peer or a listener.
  std::string address = {};
  /// What else there is to say, such as the reason.
  std::string detail = {};
  /// The number of the connection.
  std::uint64_t connection = 0;
  /// The bytes from the visitor, or the number that the event reports.
  std::uint64_t received = 0;
  /// The bytes to the visitor.
  std::uint64_t sent = 0;
  /// How long it lasted, in seconds.
  double seconds = 0;
};

/// The last events, for readers that come later or read slowly. Any thread may use it.
class event_log {
 public:
  /// The most events that are kept.
  static constexpr std::size_t capacity = 1024;

  /// The events after one, and how many before them are lost.
  struct page {
    /// The events, the oldest first.
    std::vector<std::shared_ptr<const event_record>> events = {};
    /// How many events before the first are not kept any more.
    std::uint64_t missed = 0;
  };

  /// Calls `wake` when there are new events after a call of `read`, once for each such call; any thread
  /// may call it. Null ends the calls.
  void on_events(std::function<void()> wake) {
    const std::lock_guard held(guard_);
    wake_ = std::move(wake);
  }

  /// Adds an event; its id is set here.
  void add(event_record what) {
    auto entry = std::make_shared<event_record>(std::move(what));
    const std::lock_guard held(guard_);
    entry->id = ++last_;
    if (events_.size() == capacity) events_.pop_front();
    events_.push_back(std::move(entry));
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
      out.events.push_back(events_[i]);
    }
    is_awaited_ = true;
    return out;
  }

 private:
  mutable std::mutex guard_;
  std::deque<std::shared_ptr<const event_record>> events_;
  std::uint64_t last_ = 0;
  std::function<void()> wake_;
  bool is_awaited_ = false;
};

}  // namespace rathole::admin
