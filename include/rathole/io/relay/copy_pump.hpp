#pragma once

#include <rathole/core/byte_count.hpp>
#include <rathole/io/concepts.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace rathole::io {

/// The size of one read of a copying relay, in bytes.
inline constexpr std::size_t copy_buffer_size = 64 * 1024;

/// Copies bytes from `from` to `to` until `from` ends. Adds the number of bytes to `count`, and sets
/// `to_failed` if it fails because of `to`. The buffer exists only while there are bytes to copy, so
/// an idle connection has none.
template <ByteStream From, ByteStream To>
task<void> copy_pump(From& from, To& to, byte_count& count, bool& to_failed) {
  for (;;) {
    auto ready = co_await from.wait_readable();
    if (!ready) co_return failure(ready.error());
    const auto storage = std::make_unique_for_overwrite<std::uint8_t[]>(copy_buffer_size);
    const byte_span buffer(storage.get(), copy_buffer_size);
    const auto taken = co_await from.read_some(buffer);
    if (!taken) co_return failure(taken.error());
    if (*taken == 0) co_return result<void>{};
    const auto written = co_await to.write(buffer.first(*taken));
    if (!written) {
      to_failed = true;
      co_return failure(written.error());
    }
    count += *taken;
  }
}

}  // namespace rathole::io
