#pragma once

#include <rathole/core/time.hpp>
#include <rathole/mux/receive_window.hpp>

#include <cstdint>
#include <limits>

namespace rathole::mux {

/// What the owner of a stream wants to send.
enum class wish : std::uint8_t {
  /// Nothing at present.
  nothing,
  /// It has bytes, or expects to have some when the stream's turn comes.
  bytes,
  /// It has no bytes left, and wants to end its direction.
  end,
};

/// What a session knows of one stream.
struct stream_state {
  /// Makes a stream with those windows.
  stream_state(std::uint32_t initial, std::uint32_t peer_initial, bool ours, time_point now)
      : window(initial, now), send_credit(peer_initial), is_ours(ours), is_announced(!ours) {}

  /// What the peer may send.
  receive_window window;
  /// How much the peer allows to be sent, in bytes.
  std::uint32_t send_credit;
  /// The footprint of the window that `stream_table` has counted.
  std::uint32_t counted_footprint = 0;
  /// The unread bytes that `stream_table` has counted.
  std::uint32_t counted_unread = 0;
  /// Whether `stream_table` counts it as open.
  bool is_counted = false;
  /// Whether this side opened it.
  bool is_ours;
  /// Whether the peer knows it.
  bool is_announced;
  /// Whether the side that did not open it has acknowledged it.
  bool is_acknowledged = false;
  /// Whether this side has ended its direction.
  bool has_ended = false;
  /// Whether the peer has ended its direction.
  bool peer_has_ended = false;
  /// Whether it was opened without authentication, and the bounds for that apply.
  bool is_limited = false;
  /// What the owner wants to send.
  mux::wish wish = mux::wish::nothing;

  /// Returns whether both directions have ended.
  [[nodiscard]] bool is_over() const { return has_ended && peer_has_ended; }
  /// Returns whether both directions have ended and the owner has consumed everything.
  [[nodiscard]] bool is_done() const { return is_over() && window.unread() == 0; }
  /// Returns whether the owner wants to send a Data frame and may.
  [[nodiscard]] bool is_ready() const {
    return !has_ended && (wish == mux::wish::end || (wish == mux::wish::bytes && send_credit > 0));
  }

  /// Adds to what may be sent; returns false, and does nothing, if the sum has more than 32 bits.
  [[nodiscard]] bool add_credit(std::uint32_t count) {
    if (count > std::numeric_limits<std::uint32_t>::max() - send_credit) return false;
    send_credit += count;
    return true;
  }
};

}  // namespace rathole::mux
