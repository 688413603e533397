#pragma once

#include <rathole/core/expiring_cache.hpp>
#include <rathole/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <new>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace rathole {

/// Decides which names to look up at the same time, so that names that cannot be resolved do not
/// delay the others. A name is looked up once at a time, however many callers ask for it, and names
/// that were slow leave slots free for names that were fast.
///
/// Pure decisions; the time that is passed never goes backwards.
class lookup_queue {
 public:
  /// The largest number of lookups that may run at the same time.
  static constexpr std::size_t max_at_once = 8;
  /// The time beyond which a lookup counts as slow. A name whose last lookup was slow may use half
  /// of the slots, a name without a known lookup three quarters of them, and a fast name all.
  static constexpr duration slow = std::chrono::seconds(1);
  /// The largest number of names that the queue remembers as slow or fast.
  static constexpr std::size_t names_remembered = 256;
  /// The time for which the queue remembers whether a name was slow.
  static constexpr duration speeds_remembered = std::chrono::minutes(10);

  /// Asks for `name`, and joins its lookup if one runs or waits already. Returns when the lookup
  /// was first asked for. Throws `std::bad_alloc`; then the queue is unchanged.
  time_point ask(const std::string& name, time_point now) {
    if (const auto found = since_.find(name); found != since_.end()) return found->second.asked;
    waiting_.push_back(name);
    try {
      since_.emplace(name, times{now, std::nullopt});
    } catch (const std::bad_alloc&) {
      waiting_.pop_back();
      throw;
    }
    return now;
  }

  /// Returns the next name to look up, if one waits and may have a slot, and records that its
  /// lookup begins at `now`.
  std::optional<std::string> begin(time_point now) {
    const auto found = std::ranges::find_if(
        waiting_, [&](const std::string& each) { return running_ < places_for(each, now); });
    if (found == waiting_.end()) return std::nullopt;
    std::string name = std::move(*found);
    waiting_.erase(found);
    since_.at(name).begun = now;
    ++running_;
    return name;
  }

  /// Records that the lookup of `name`, which `begin` returned, has ended. If memory runs out, its
  /// duration is not remembered.
  void end(const std::string& name, time_point now) noexcept {
    const auto found = since_.find(name);
    const bool was_slow = now - *found->second.begun > slow;
    since_.erase(found);
    --running_;
    try {
      speeds_.put(name, was_slow, now);
    } catch (const std::bad_alloc&) {
      speeds_.forget(name);
    }
  }

  /// Removes `name` if its lookup has not begun, because no caller asks for it any more.
  void cancel(const std::string& name) {
    if (std::erase(waiting_, name) > 0) since_.erase(name);
  }

  /// Returns how many names wait for their lookup to begin.
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  /// Returns how many lookups run.
  [[nodiscard]] std::size_t running() const { return running_; }

 private:
  struct times {
    time_point asked;
    std::optional<time_point> begun;
  };

  /// Returns the number of running lookups below which the lookup of `name` may begin.
  [[nodiscard]] std::size_t places_for(const std::string& name, time_point now) const {
    const bool* const was_slow = speeds_.find(name, now);
    if (!was_slow) return max_at_once * 3 / 4;
    return *was_slow ? max_at_once / 2 : max_at_once;
  }

  std::deque<std::string> waiting_;
  /// The names that wait or are being looked up.
  std::unordered_map<std::string, times> since_;
  std::size_t running_ = 0;
  expiring_cache<bool> speeds_{names_remembered, speeds_remembered};
};

}  // namespace rathole
