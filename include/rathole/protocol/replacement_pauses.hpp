#pragma once

#include <rathole/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>

namespace rathole::protocol {

/// The pause before data channels are replaced after the second loss in a row. Each further loss
/// doubles it, up to `max_replacement_pause` (upstream: no pause).
inline constexpr duration replacement_pause = std::chrono::milliseconds(100);
/// The longest pause before data channels are replaced.
inline constexpr duration max_replacement_pause = std::chrono::seconds(1);
/// The longest pause before unanswered requests for idle data channels are repeated. The first
/// repetition has no pause, the next one the request timeout, and each further one doubles it.
inline constexpr duration max_unanswered_pause = std::chrono::seconds(60);
/// The time after which a further loss no longer counts as in a row with the previous one.
inline constexpr duration loss_window = std::chrono::seconds(10);

/// Decides how many lost idle data channels must not be replaced yet: a single loss is replaced at
/// once, but losses in a row after growing pauses, so that channels that die on arrival do not keep
/// both sides busy. Time never goes backwards.
class loss_pause {
 public:
  /// Records that `channels` idle data channels were lost.
  void lost(std::size_t channels) { lost_ += channels; }

  /// Takes the recorded losses and the time into account. At most `most` replacements are held
  /// back.
  void update(time_point now, std::size_t most) {
    const std::size_t lost = std::exchange(lost_, 0);
    if (now >= until_) {
      held_ = 0;
      if (lost == 0) return;
      if (now >= forgotten_at_) pause_ = duration::zero();
      until_ = now + pause_;
      forgotten_at_ = until_ + loss_window;
      pause_ = std::clamp(2 * pause_, replacement_pause, max_replacement_pause);
    }
    // All channels that die during one pause count as one loss.
    if (now < until_) held_ = std::min(held_ + lost, most);
  }

  /// Holds back at most `most` replacements from now on.
  void limit(std::size_t most) { held_ = std::min(held_, most); }

  /// Returns how many replacements wait for the end of the pause.
  [[nodiscard]] std::size_t held() const { return held_; }

  /// Returns when the pause ends; nothing if no replacement waits for it.
  [[nodiscard]] std::optional<time_point> deadline() const {
    if (held_ == 0) return std::nullopt;
    return until_;
  }

 private:
  std::size_t lost_ = 0;
  std::size_t held_ = 0;
  duration pause_ = duration::zero();
  time_point until_ = time_point::min();
  time_point forgotten_at_ = time_point::min();
};

/// Decides how many unanswered requests for idle data channels must not be repeated yet: ever more
/// rarely while none is answered, because a client that cannot dial must not try all the time.
/// Time never goes backwards.
class unanswered_pause {
 public:
  /// Records that a data channel has arrived, so that the client can dial.
  void answered() { *this = unanswered_pause(); }

  /// Takes into account that `late` requests have been unanswered for `timeout`, and the time. At
  /// most `most` repetitions are held back.
  void update(time_point now, std::size_t late, duration timeout, std::size_t most) {
    if (late > 0 && now >= until_) {
      until_ = now + pause_;
      pause_ = std::min(std::max(2 * pause_, timeout), max_unanswered_pause);
    }
    if (late > 0) held_ = std::min(held_ + late, most);
    if (now >= until_) held_ = 0;
  }

  /// Holds back at most `most` repetitions from now on.
  void limit(std::size_t most) { held_ = std::min(held_, most); }

  /// Returns how many repetitions wait for the end of the pause.
  [[nodiscard]] std::size_t held() const { return held_; }

  /// Returns when the pause ends; nothing if no repetition waits for it.
  [[nodiscard]] std::optional<time_point> deadline() const {
    if (held_ == 0) return std::nullopt;
    return until_;
  }

 private:
  std::size_t held_ = 0;
  duration pause_ = duration::zero();
  time_point until_ = time_point::min();
};

}  // namespace rathole::protocol
