#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/time/alarm.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace rathole::io {

/// The largest number of bytes that a peer may still send during a lingering close. It is more than
/// a client has in flight when it receives the refusal.
inline constexpr std::size_t lingering_bytes = std::size_t{64} * 1024;

/// The longest time that a lingering close may take.
inline constexpr std::chrono::seconds lingering_time{5};

/// Closes a connection so that the peer can read our last message: ends our direction, and discards
/// what the peer sends until it ends its direction too. Closing at once would reset the connection
/// if bytes are unread, which may destroy the message on its way. A peer that continues to send
/// gets that reset after `lingering_bytes`, after `lingering_time` or at `deadline`, whichever
/// comes first.
template <Runtime R, ByteStream S>
awaitable<void> lingering_close(R& runtime, S& stream, time_point deadline) {
  const auto close = [&stream] { stream.close(); };
  const auto end = std::min(deadline, runtime.now() + lingering_time);
  const alarm<R> on_timeout(runtime, end, close);
  co_await stream.shutdown_send();
  // Bytes that a layer consumes itself, such as Pings, count too.
  if constexpr (requires { stream.limit_input(lingering_bytes); }) {
    stream.limit_input(lingering_bytes);
  }
  std::array<std::uint8_t, 1024> discarded;
  for (std::size_t taken = 0; taken < lingering_bytes;) {
    const byte_span room(discarded);
    const auto count = co_await stream.read_some(room);
    if (!count || *count == 0) break;
    taken += *count;
  }
  if (stream.is_open()) stream.close();
}

}  // namespace rathole::io
