#pragma once

#include <rathole/config/limits.hpp>
#include <rathole/core/backoff.hpp>
#include <rathole/core/time.hpp>

#include <chrono>
#include <cstddef>

namespace rathole::client {

/// How long a commanded data channel is tried before it is given up (Compat: upstream's).
inline constexpr std::chrono::seconds data_channel_give_up{10};

/// Commands for data channels that are remembered while they cannot be dialled: because `max_dials`
/// are busy, because descriptors are short, or because dials fail. What a server commands beyond that
/// is dropped; it commands again what does not come.
inline constexpr std::size_t max_deferred_dials = 4096;

/// UDP data channels that a control channel has at once, those included that still dial: as many as a
/// server may configure for one service. Commands beyond that wait as those beyond `max_dials` do.
inline constexpr std::size_t max_udp_channels =
    static_cast<std::size_t>(config::limits::udp_channels);

/// How the attempts to open data channels are spaced while they fail, all those of a control channel
/// together: up to the service's `retry_interval`. (Upstream dials ten times a second for each
/// commanded data channel, which an error that lasts turns into a storm.)
inline backoff_parameters data_channel_backoff(duration retry_interval) {
  return {std::chrono::milliseconds(100), 0.2, 2.0, retry_interval};
}

}  // namespace rathole::client
