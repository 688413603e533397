#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/io/alarm.hpp>
#include <rathole/io/concepts.hpp>

#include <array>
#include <cstdint>

namespace rathole::io {

/// Ends a connection whose last words the peer is to read: ends our sending, then discards what
/// the peer still sends until it ends too, at the latest at `deadline`. Closing at once would
/// answer octets that lie unread with a reset, which may destroy our words on their way.
template <Runtime R, ByteStream S>
awaitable<void> farewell(R& runtime, S& stream, time_point deadline) {
  const alarm<R> ring(runtime, deadline, [&stream] { stream.close(); });
  co_await stream.shutdown_send();
  std::array<std::uint8_t, 256> discarded;
  for (;;) {
    const byte_span room(discarded);
    const auto taken = co_await stream.read_some(room);
    if (!taken || *taken == 0) break;
  }
  if (stream.is_open()) stream.close();
}

}  // namespace rathole::io
