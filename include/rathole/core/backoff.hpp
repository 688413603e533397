#pragma once

#include <rathole/core/random.hpp>
#include <rathole/core/time.hpp>

#include <algorithm>
#include <chrono>

namespace rathole {

/// The smallest base of a delay of `backoff`. Compat: upstream has no such minimum and
/// reconnects without a pause when `retry_interval` is 0.
inline constexpr duration min_retry_delay = std::chrono::milliseconds(100);

/// The parameters by which the delays of a `backoff` grow.
struct backoff_parameters {
  /// The base of the first delay; it may exceed `maximum`.
  duration initial = std::chrono::milliseconds(500);
  /// The share of the base, in [0, 1), by which a delay may be shorter or longer.
  double randomization = 0.5;
  /// The factor, at least 1, from one base to the next.
  double multiplier = 1.5;
  /// The largest base, except for the first.
  duration maximum = std::chrono::seconds(60);
};

/// Computes the delays between attempts: they grow exponentially up to a maximum, are randomized
/// and never end. The algorithm is that of the Rust crate `backoff` 0.4, which upstream uses.
class backoff {
 public:
  /// Makes a sequence of delays that begins with `parameters.initial`.
  explicit backoff(backoff_parameters parameters) : parameters_(parameters) { reset(); }

  /// Returns how long to wait before the next attempt: the base times a factor drawn uniformly from
  /// [1 - randomization, 1 + randomization). The base grows afterwards.
  template <Rng R>
  duration next(R& rng) {
    const double r = parameters_.randomization;
    const double factor = 1.0 - r + 2.0 * r * uniform(rng);
    const seconds delay = base_ * factor;
    base_ = floored(std::min<seconds>(parameters_.maximum, base_ * parameters_.multiplier));
    return std::chrono::duration_cast<duration>(delay);
  }

  /// Restarts the sequence at the initial delay; to be called after an attempt that succeeded.
  void reset() { base_ = floored(parameters_.initial); }

 private:
  using seconds = std::chrono::duration<double>;

  static seconds floored(seconds base) { return std::max<seconds>(base, min_retry_delay); }

  backoff_parameters parameters_;
  seconds base_{};
};

}  // namespace rathole
