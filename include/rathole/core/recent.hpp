#pragma once

#include <rathole/core/time.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>

namespace rathole {

/// What was last learned of some names: each with a value, for a while, and of so many names at
/// most. Pure bookkeeping; time never goes backwards.
template <class T>
class recent {
 public:
  /// Keeps at most `most` names, at least 1, each for `kept` after it was last put.
  recent(std::size_t most, duration kept) : most_(std::max<std::size_t>(most, 1)), kept_(kept) {}

  /// Puts a value in the place of what was known of `name`. If there is no room, the name that was
  /// put longest ago is forgotten.
  void put(const std::string& name, T value, time_point now) {
    if (!entries_.contains(name) && entries_.size() >= most_) {
      entries_.erase(std::ranges::min_element(entries_, {},
                                              [](const auto& each) { return each.second.since; }));
    }
    entries_.insert_or_assign(name, entry{std::move(value), now});
  }

  /// Returns what is known of `name`, or null; valid until the next `put` or `forget`.
  [[nodiscard]] const T* find(const std::string& name, time_point now) const {
    const auto found = entries_.find(name);
    if (found == entries_.end() || now - found->second.since > kept_) return nullptr;
    return &found->second.value;
  }

  void forget(const std::string& name) { entries_.erase(name); }

  /// How many names take up room.
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct entry {
    T value;
    time_point since;
  };

  std::size_t most_;
  duration kept_;
  std::unordered_map<std::string, entry> entries_;
};

}  // namespace rathole
