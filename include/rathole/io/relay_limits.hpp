#pragma once

#include <rathole/core/time.hpp>

#include <algorithm>

namespace rathole::io {

/// How long a relay may stay without traffic in either direction; zero means for ever. A relay that
/// stays so for longer is ended with `errc::timed_out`, after at most a quarter more than its limit.
struct relay_limits {
  /// While both sides may send.
  duration idle = duration::zero();
  /// Once one side has ended its sending, where `idle` is not less.
  duration half_close = duration::zero();

  /// The limit that holds; zero if there is none.
  [[nodiscard]] constexpr duration of(bool half_closed) const {
    if (!half_closed || half_close == duration::zero()) return idle;
    return idle == duration::zero() ? half_close : std::min(idle, half_close);
  }
};

}  // namespace rathole::io
