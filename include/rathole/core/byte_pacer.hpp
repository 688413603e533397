#pragma once

#include <rathole/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace rathole {

/// Says when bytes may be passed on so that they keep to a rate: a token bucket whose tokens may be taken in
/// advance. Who shares it takes turns: each gets its bytes in the order of the calls. It reads no clock.
class byte_pacer {
 public:
  /// The largest number of bytes that are passed on at once.
  static constexpr std::size_t max_portion = 64 * 1024;
  /// The smallest number of bytes for which one waits.
  static constexpr std::size_t min_portion = 256;
  /// For how long tokens are kept that nobody took.
  static constexpr std::chrono::milliseconds burst{20};

  /// Sets the rate in bytes a second, which is not 0; without a value there is no limit.
  void set_rate(std::optional<std::uint64_t> rate) {
    if (rate == rate_) return;
    rate_ = rate;
    next_ = time_point::min();
    rest_ = 0;
  }

  /// Returns how many bytes should be passed on at once: those of 10 ms, within the two bounds.
  [[nodiscard]] std::size_t portion() const {
    if (!rate_) return max_portion;
    return static_cast<std::size_t>(
        std::clamp<std::uint64_t>(*rate_ / 100, min_portion, max_portion));
  }

  /// Takes the tokens of `bytes`, at most `max_portion`, at `now`; returns when the bytes may be passed on.
  [[nodiscard]] time_point take(std::size_t bytes, time_point now) {
    if (!rate_) return now;
    const time_point begins = std::max(next_, now - burst);
    constexpr std::uint64_t second = 1'000'000'000;
    const std::uint64_t due = bytes * second + rest_;
    rest_ = due % *rate_;
    next_ = begins + std::chrono::nanoseconds(due / *rate_);
    return std::max(begins, now);
  }

 private:
  std::optional<std::uint64_t> rate_;
  /// When the next bytes may be passed on.
  time_point next_ = time_point::min();
  /// What of the last token is not due yet, in parts of the rate.
  std::uint64_t rest_ = 0;
};

}  // namespace rathole
