#pragma once

#include <rathole/core/ip_endpoint.hpp>
#include <rathole/version.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace rathole::embed::inline RATHOLE_ABI {

/// Stores a datagram from a visitor where the caller of `datagram_listener::async_receive_from`
/// wants it; returns how many bytes it stored.
using take_function = std::move_only_function<std::size_t(const ip_endpoint& from,
                                                          std::span<const std::uint8_t> payload)>;

}  // namespace rathole::embed::inline RATHOLE_ABI
