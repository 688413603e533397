#pragma once

#include <rathole/core/time.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::app {

/// The interval for which lines of one kind are counted.
inline constexpr std::chrono::seconds repeat_interval{60};
/// How many kinds of lines are distinguished; lines of further kinds count as one kind.
inline constexpr std::size_t max_repeated_lines = 1024;

/// Decides which lines are written of those that visitors or a peer can cause without limit: a
/// fixed number of each kind per interval. The first line of the next interval says how many were
/// suppressed.
class repeat_limiter {
 public:
  /// Records a line of the kind `what`, of which `allowed` are written in an interval. Returns how
  /// many were suppressed in the previous interval, or nothing if this line must be suppressed too.
  std::optional<std::uint64_t> note(std::string_view what, time_point now,
                                    std::uint64_t allowed = 1) {
    lines& known = find(what, now);
    if (now >= known.since + repeat_interval) {
      return std::exchange(known, lines{now, 1, 0}).suppressed;
    }
    if (known.written < allowed) {
      ++known.written;
      return 0;
    }
    ++known.suppressed;
    return std::nullopt;
  }

 private:
  struct lines {
    time_point since;
    std::uint64_t written;
    std::uint64_t suppressed;
  };

  lines& find(std::string_view what, time_point now) {
    auto found = known_.find(what);
    if (found == known_.end() && known_.size() >= max_repeated_lines) {
      std::erase_if(known_,
                    [now](const auto& one) { return now >= one.second.since + repeat_interval; });
      if (known_.size() >= max_repeated_lines) found = known_.find(what = {});
    }
    if (found == known_.end()) found = known_.emplace(what, lines{now, 0, 0}).first;
    return found->second;
  }

  std::map<std::string, lines, std::less<>> known_;
};

/// Returns the end of a line that says how many were suppressed before it; empty if none was.
inline std::string suppressed_text(std::uint64_t suppressed) {
  return suppressed == 0 ? std::string() : " (" + std::to_string(suppressed) + " more before)";
}

}  // namespace rathole::app
