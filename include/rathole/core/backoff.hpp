#pragma once

#include <rathole/core/random.hpp>
#include <rathole/core/time.hpp>

#include <algorithm>
#include <chrono>

namespace rathole {

/// No delay of a `backoff` is based on less than this. Compat: upstream has no such floor and
/// reconnects without a pause when `retry_interval` is 0.
inline constexpr duration minimum_retry_delay = std::chrono::milliseconds(100);

/// How the delays of a `backoff` grow.
struct backoff_parameters {
  /// Base of the first delay; it may exceed `maximum`.
  duration initial = std::chrono::milliseconds(500);
  /// Share of the base, in [0, 1), by which a delay may be shorter or longer.
  double randomization = 0.5;
  /// Factor, at least 1, between one base and the next.
  double multiplier = 1.5;
  /// Bound of all bases but the first.
  duration maximum = std::chrono::seconds(60);
};

/// Delays between attempts: exponential, randomized, bounded, without end. (The algorithm of the
/// Rust crate `backoff` 0.4, which upstream uses.)
class backoff {
 public:
  explicit backoff(backoff_parameters parameters) : parameters_(parameters) { reset(); }

  /// How long to wait before the next attempt: the base times a factor drawn from
  /// [1 - randomization, 1 + randomization). The base then grows.
  template <Rng R>
  duration next(R& rng) {
    const double r = parameters_.randomization;
    const double factor = 1.0 - r + 2.0 * r * uniform(rng);
    const seconds delay = base_ * factor;
    base_ = floored(std::min<seconds>(parameters_.maximum, base_ * parameters_.multiplier));
    return std::chrono::duration_cast<duration>(delay);
  }

  /// Starts over with the initial delay, after an attempt that succeeded.
  void reset() { base_ = floored(parameters_.initial); }

 private:
  using seconds = std::chrono::duration<double>;

  static seconds floored(seconds base) { return std::max<seconds>(base, minimum_retry_delay); }

  backoff_parameters parameters_;
  seconds base_{};
};

}  // namespace rathole
