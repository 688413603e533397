#pragma once

#include <rathole/config/defaults.hpp>
#include <rathole/config/limits.hpp>
#include <rathole/core/backoff.hpp>
#include <rathole/core/time.hpp>

#include <chrono>
#include <cstddef>

namespace rathole::client_side {

/// The time for which the client tries to open a requested data channel before it gives up. Compat:
/// upstream's value.
inline constexpr std::chrono::seconds data_channel_dial_timeout{10};

/// The largest number of requests for data channels that are remembered while they cannot be
/// dialled: because `max_dials` are busy, because descriptors are short, or because dials fail.
/// Further requests are dropped; a server requests again what does not arrive.
inline constexpr std::size_t max_deferred_dials = 4096;

/// The largest number of UDP data channels that a control channel may have, including those that
/// still dial: as many as a server may configure for one service. Further requests wait like those
/// beyond `max_dials`.
inline constexpr std::size_t max_udp_channels =
    static_cast<std::size_t>(config::limits::udp_channels);

/// The number of UDP data channels whose descriptors a control channel claims before it is dialled: as
/// many as a server requests by default.
inline constexpr std::size_t claimed_udp_channels = config::defaults::udp_pool_size;

/// Returns how the attempts of one control channel to open data channels are spaced while they
/// fail; the pauses grow up to the service's `retry_interval`. Compat: upstream dials ten times a
/// second for each requested data channel, so that a lasting error causes a storm of attempts.
inline backoff_parameters data_channel_backoff(duration retry_interval) {
  return {std::chrono::milliseconds(100), 0.2, 2.0, retry_interval};
}

}  // namespace rathole::client_side
