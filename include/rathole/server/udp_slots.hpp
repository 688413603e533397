#pragma once

#include <rathole/core/backoff.hpp>
#include <rathole/core/random.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/channel_pool.hpp>

#include <cstddef>

namespace rathole::server {

/// The pauses in replacing data channels of a UDP service that are lost one after the other.
inline constexpr backoff_parameters slot_backoff{protocol::replacement_pause, 0.2, 2.0,
                                                 protocol::longest_replacement_pause};

/// How many data channels a UDP service has or waits for, and when one that was lost is replaced:
/// at once, but for losses that come in a row. Pure bookkeeping.
class udp_slots {
 public:
  /// Counts one more in, if there are fewer than `wanted`.
  bool add(std::size_t wanted) {
    if (count_ >= wanted) return false;
    ++count_;
    return true;
  }

  /// Counts one that was lost out, if there are more than `wanted`.
  bool drop_surplus(std::size_t wanted) {
    if (count_ <= wanted) return false;
    --count_;
    return true;
  }

  /// How long to wait before one that was lost now, after it `lived` so long, is replaced.
  template <Rng R>
  duration pause_after_loss(time_point now, duration lived, R& rng) {
    const bool is_first = now >= stable_at_ || lived >= protocol::longest_replacement_pause;
    stable_at_ = now + protocol::losses_apart;
    if (!is_first) return retry_.next(rng);
    retry_.reset();
    return duration::zero();
  }

 private:
  std::size_t count_ = 0;
  backoff retry_{slot_backoff};
  /// Losses before this are in a row with the last one.
  time_point stable_at_ = time_point::min();
};

}  // namespace rathole::server
