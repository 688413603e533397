#pragma once

#include <rathole/core/time.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>

namespace rathole {

/// Remembers the last value for each of a bounded number of names, for a limited time. Pure
/// bookkeeping; the time that is passed never goes backwards.
template <class T>
class expiring_cache {
 public:
  /// Makes an empty memory for at most `max_names` names, at least 1, each for `kept` after its
  /// last `put`.
  expiring_cache(std::size_t max_names, duration kept)
      : max_names_(std::max<std::size_t>(max_names, 1)), kept_(kept) {}

  /// Sets the value for `name`. If there is no room, the name whose last `put` is the oldest is
  /// forgotten.
  void put(const std::string& name, T value, time_point now) {
    if (!entries_.contains(name) && entries_.size() >= max_names_) {
      entries_.erase(std::ranges::min_element(entries_, {},
                                              [](const auto& each) { return each.second.since; }));
    }
    entries_.insert_or_assign(name, entry{std::move(value), now});
  }

  /// Returns the value for `name`, or null if none is remembered; valid until the next `put` or
  /// `forget`.
  [[nodiscard]] const T* find(const std::string& name, time_point now) const {
    const auto found = entries_.find(name);
    if (found == entries_.end() || now - found->second.since > kept_) return nullptr;
    return &found->second.value;
  }

  /// Removes the value for `name`, if there is one.
  void forget(const std::string& name) { entries_.erase(name); }

  /// Returns how many names are held, including those that have expired.
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct entry {
    T value;
    time_point since;
  };

  std::size_t max_names_;
  duration kept_;
  std::unordered_map<std::string, entry> entries_;
};

}  // namespace rathole
