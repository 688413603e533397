#pragma once

#include <rathole/core/time.hpp>

#include <algorithm>

namespace rathole::io {

/// The limits on how long a relay may be idle, that is without traffic in both directions; zero
/// means no limit. A relay beyond its limit ends with `errc::timed_out`, at most a quarter of the
/// limit late.
struct relay_limits {
  /// The limit while both directions are open.
  duration idle = duration::zero();
  /// The limit once one direction has ended, unless `idle` is shorter.
  duration half_close = duration::zero();

  /// Returns the limit that applies; zero if there is none.
  [[nodiscard]] constexpr duration of(bool half_closed) const {
    if (!half_closed || half_close == duration::zero()) return idle;
    return idle == duration::zero() ? half_close : std::min(idle, half_close);
  }
};

}  // namespace rathole::io
