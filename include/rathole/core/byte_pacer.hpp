#pragma once

#include <rathole/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace rathole {

/// Says when bytes may be passed on so that they keep to a rate: a token bucket. Who wants to pass bytes on asks
/// for a grant, and settles it at once with what there really was. It reads no clock.
class byte_pacer {
 public:
  /// The largest number of bytes that are passed on at once.
  static constexpr std::size_t max_portion = 64 * 1024;
  /// The smallest number of bytes for which one waits.
  static constexpr std::size_t min_portion = 256;
  /// For how long tokens are kept that nobody took.
  static constexpr std::chrono::milliseconds burst{20};
  /// The shortest wait; the tokens of shorter ones add up.
  static constexpr std::chrono::milliseconds min_wait{1};
  /// The longest wait. Who has waited asks again, so a change of the rate is noticed, and that others have gone.
  static constexpr std::chrono::milliseconds max_wait{100};

  /// The right to pass bytes on.
  struct grant {
    /// How many bytes may be passed on.
    std::size_t bytes;
    /// The time that was reserved for them.
    duration reserved;
    /// The number of the rate with which it was given.
    std::uint64_t generation;
  };

  /// Sets the rate in bytes a second, which is not 0; without a value there is no limit.
  void set_rate(std::optional<std::uint64_t> rate) {
    if (rate == rate_) return;
    rate_ = rate;
    next_ = time_point::min();
    rest_ = 0;
    ++generation_;
    usual_ = reserved();
  }

  /// Returns how many bytes should be passed on at once: those of 10 ms, within the two bounds.
  [[nodiscard]] std::size_t portion() const {
    if (!rate_) return max_portion;
    return static_cast<std::size_t>(
        std::clamp<std::uint64_t>(*rate_ / 100, min_portion, max_portion));
  }

  /// Returns the right to pass a portion on at `now`, which must be settled, if it is the turn of one who has
  /// `ahead` others before him.
  [[nodiscard]] std::optional<grant> ask(time_point now, std::size_t ahead = 0) {
    if (!rate_) return grant{max_portion, duration::zero(), generation_};
    if (turn(now, ahead) > now) return std::nullopt;
    const grant given{portion(), reserved(), generation_};
    next_ = std::max(next_, now - burst) + given.reserved;
    return given;
  }

  /// Gives the reserved time back, and takes that of the `bytes` that were passed on, at most those of the
  /// grant. Does nothing if the rate is another one by now.
  void settle(const grant& given, std::size_t bytes) {
    if (!rate_ || given.generation != generation_) return;
    const std::uint64_t due = bytes * second + rest_;
    rest_ = due % *rate_;
    const std::chrono::nanoseconds taken(due / *rate_);
    next_ += taken - given.reserved;
    if (bytes > 0) usual_ += (taken - usual_) / 8;
  }

  /// Returns how long one who has `ahead` others before him should wait at `now` before he asks: until it is
  /// his turn if they pass on what was usual of late, but at least `min_wait` and at most `max_wait`.
  [[nodiscard]] duration wait(time_point now, std::size_t ahead) const {
    if (!rate_) return min_wait;
    return std::clamp<duration>(turn(now, ahead) - now, min_wait, max_wait);
  }

 private:
  static constexpr std::uint64_t second = 1'000'000'000;

  /// Returns how long a portion takes.
  [[nodiscard]] duration reserved() const {
    if (!rate_) return duration::zero();
    return std::chrono::nanoseconds(portion() * second / *rate_);
  }

  /// Returns when it is the turn of one who has `ahead` others before him.
  [[nodiscard]] time_point turn(time_point now, std::size_t ahead) const {
    return std::max(next_, now - burst) + static_cast<duration::rep>(ahead) * usual_;
  }

  std::optional<std::uint64_t> rate_;
  /// When the next bytes may be passed on.
  time_point next_ = time_point::min();
  /// What of the last token is not due yet, in parts of the rate.
  std::uint64_t rest_ = 0;
  /// The number of the rate.
  std::uint64_t generation_ = 0;
  /// How long the bytes of a grant take, on average of the latest ones.
  duration usual_ = duration::zero();
};

}  // namespace rathole
