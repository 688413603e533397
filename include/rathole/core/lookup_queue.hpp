#pragma once

#include <rathole/core/recent.hpp>
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

/// Decides which names are looked up at the same time, so that names which cannot be resolved do not
/// hold up the others: a name is looked up once at a time, however many ask for it, and the names
/// that were slow leave room for those that were quick. Pure decisions; time never goes backwards.
class lookup_queue {
 public:
  /// Look-ups that run at the same time.
  static constexpr std::size_t most_at_once = 8;
  /// A name whose last look-up took longer is slow: it waits while half of the places are taken.
  /// One of which nothing is known waits while three quarters are.
  static constexpr duration slow = std::chrono::seconds(1);
  /// For how many names, and for how long, it is remembered whether they were slow.
  static constexpr std::size_t names_remembered = 256;
  static constexpr duration speeds_remembered = std::chrono::minutes(10);

  /// Asks for `name`: joins its look-up if that runs or waits already. Returns when the look-up was
  /// first asked for. Throws `std::bad_alloc`, and then nothing was asked.
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

  /// Returns the next name to look up, if there is one and a place for it; its look-up begins `now`.
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

  /// The look-up of `name`, which `begin` returned, has ended. Without memory it is not remembered how
  /// long it took.
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

  /// Nobody asks for `name` any more: a look-up that has not begun never will.
  void withdraw(const std::string& name) {
    if (std::erase(waiting_, name) > 0) since_.erase(name);
  }

  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  [[nodiscard]] std::size_t running() const { return running_; }

 private:
  struct times {
    time_point asked;
    std::optional<time_point> begun;
  };

  [[nodiscard]] std::size_t places_for(const std::string& name, time_point now) const {
    const bool* const was_slow = speeds_.find(name, now);
    if (!was_slow) return most_at_once * 3 / 4;
    return *was_slow ? most_at_once / 2 : most_at_once;
  }

  std::deque<std::string> waiting_;
  /// Of the names that wait or are being looked up.
  std::unordered_map<std::string, times> since_;
  std::size_t running_ = 0;
  recent<bool> speeds_{names_remembered, speeds_remembered};
};

}  // namespace rathole
