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

namespace rathole::app {

/// Is how long a line is held back after an equal one was written.
inline constexpr std::chrono::seconds repeat_interval{60};
/// Is how many kinds of lines are distinguished; lines of further kinds are all written.
inline constexpr std::size_t max_repeated_lines = 1024;

/// Decides which lines are written of those that visitors or a peer can cause without limit: the
/// first of each kind, and after an interval the next one, with the number of lines in between.
class repeats {
 public:
  /// Records a line of the kind `what`, of which `allowed` are written in an interval. Returns how
  /// many were held back since the last line of its kind was written, or nothing if this one must be
  /// held back too.
  std::optional<std::uint64_t> note(std::string_view what, time_point now,
                                    std::uint64_t allowed = 1) {
    auto found = written_.find(what);
    if (found == written_.end()) {
      if (written_.size() >= max_repeated_lines) forget_old(now);
      if (written_.size() < max_repeated_lines) written_.emplace(what, last_line{now, 0, 1});
      return 0;
    }
    last_line& last = found->second;
    if (now < last.at + repeat_interval) {
      if (last.written < allowed) {
        ++last.written;
        return 0;
      }
      ++last.held_back;
      return std::nullopt;
    }
    const std::uint64_t held_back = last.held_back;
    last = {now, 0, 1};
    return held_back;
  }

 private:
  struct last_line {
    time_point at;
    std::uint64_t held_back;
    std::uint64_t written;
  };

  void forget_old(time_point now) {
    std::erase_if(written_,
                  [now](const auto& one) { return now >= one.second.at + repeat_interval; });
  }

  std::map<std::string, last_line, std::less<>> written_;
};

/// Returns the end of a line that says how many were held back before it; empty if none was.
inline std::string repeats_text(std::uint64_t held_back) {
  return held_back == 0 ? std::string() : " (" + std::to_string(held_back) + " more before)";
}

}  // namespace rathole::app
