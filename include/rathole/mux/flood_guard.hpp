#pragma once

#include <rathole/core/time.hpp>
#include <rathole/mux/constants.hpp>
#include <rathole/mux/error.hpp>
#include <rathole/mux/frame.hpp>
#include <rathole/mux/rate_limit.hpp>

#include <optional>

namespace rathole::mux {

/// Counts what costs a peer little and a session more: frames without payload, pings, resets, and
/// streams that are refused (compare CVE-2023-44487 of HTTP/2, "rapid reset").
class flood_guard {
 public:
  /// Makes a guard with the rates of a peer that is not authenticated.
  flood_guard() : flood_guard(unauthenticated_rates) {}
  /// Makes a guard with those rates.
  explicit flood_guard(const flood_rates& rates)
      : frames_(rates.frames),
        pings_(rates.pings),
        resets_(rates.resets),
        refusals_(rates.refusals) {}

  /// Counts a frame that arrived at `now`; returns why the peer must be cut, if it must.
  std::optional<mux_errc> frame(const frame_header& header, time_point now) {
    const bool is_cheap = header.payload_size() == 0 || header.has(flag::syn);
    if (is_cheap && !frames_.take(now)) return flood_of(header);
    if (header.type != frame_type::ping && header.has(flag::rst) && !resets_.take(now)) {
      return mux_errc::reset_flood;
    }
    return std::nullopt;
  }

  /// Counts a Ping that is not the answer to one of ours; returns false if there are too many.
  [[nodiscard]] bool ping(time_point now) { return pings_.take(now); }
  /// Counts a stream that is refused; returns false if there are too many.
  [[nodiscard]] bool refusal(time_point now) { return refusals_.take(now); }

 private:
  static mux_errc flood_of(const frame_header& header) {
    if (header.type == frame_type::ping) return mux_errc::ping_flood;
    if (header.has(flag::rst)) return mux_errc::reset_flood;
    const bool is_update = header.type == frame_type::window_update && header.flags == 0;
    return is_update ? mux_errc::window_update_flood : mux_errc::frame_flood;
  }

  rate_limit frames_;
  rate_limit pings_;
  rate_limit resets_;
  rate_limit refusals_;
};

}  // namespace rathole::mux
