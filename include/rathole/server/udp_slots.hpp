#pragma once

#include <rathole/core/backoff.hpp>
#include <rathole/core/random.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/channel_pool.hpp>

#include <cstddef>

namespace rathole::server {

/// The pauses before data channels of a UDP service are replaced if they are lost in a row.
inline constexpr backoff_parameters slot_backoff{protocol::replacement_pause, 0.2, 2.0,
                                                 protocol::longest_replacement_pause};

/// Counts the data channels that a UDP service has or waits for, and decides when a lost one is
/// replaced: at once, or after a pause if losses come in a row. Pure bookkeeping.
class udp_slots {
 public:
  /// Counts one more if there are fewer than `wanted`; returns whether it did.
  bool add(std::size_t wanted) {
    if (count_ >= wanted) return false;
    ++count_;
    return true;
  }

  /// Counts one less, because it was lost, if there are more than `wanted`; returns whether it did.
  bool drop_surplus(std::size_t wanted) {
    if (count_ <= wanted) return false;
    --count_;
    return true;
  }

  /// Returns how long to wait before a data channel is replaced that was lost at `now`, after it
  /// had existed for `lived`.
  template <Rng R>
  duration pause_after_loss(time_point now, duration lived, R& rng) {
    const bool is_first = now >= stable_at_ || lived >= protocol::longest_replacement_pause;
    stable_at_ = now + protocol::loss_window;
    if (!is_first) return retry_.next(rng);
    retry_.reset();
    return duration::zero();
  }

 private:
  std::size_t count_ = 0;
  backoff retry_{slot_backoff};
  /// A loss before this time is in a row with the last one.
  time_point stable_at_ = time_point::min();
};

}  // namespace rathole::server
