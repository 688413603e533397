#pragma once

#include <rathole/embed/operation.hpp>
#include <rathole/embed/separate.hpp>
#include <rathole/io/task.hpp>
#include <rathole/version.hpp>

#include <asio/buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace rathole::io {

class shared_stream;

}  // namespace rathole::io

namespace rathole::embed::inline RATHOLE_ABI {

/// An owner of the stream of a visitor.
using stream_pointer = std::shared_ptr<io::shared_stream>;

/// The most bytes that one write of several buffers takes, which are copied for it.
inline constexpr std::size_t max_gathered = 64 * 1024;

/// The bytes that one write takes.
struct outgoing {
  /// The bytes; they belong to the caller of the write unless `copy` holds them.
  std::span<const std::uint8_t> bytes = {};
  /// The bytes of several buffers.
  std::vector<std::uint8_t> copy = {};
};

/// Returns the first buffer of a sequence that is not empty, or an empty one.
template <class Buffer, class Sequence>
Buffer first_of(const Sequence& buffers) {
  const auto end = asio::buffer_sequence_end(buffers);
  for (auto at = asio::buffer_sequence_begin(buffers); at != end; ++at) {
    const Buffer each(*at);
    if (each.size() > 0) return each;
  }
  return Buffer();
}

/// Returns what a write of `buffers` takes: a single buffer as it is, several as a copy of at most
/// `max_gathered` bytes.
template <class ConstBufferSequence>
outgoing gather(const ConstBufferSequence& buffers) {
  const auto first = first_of<asio::const_buffer>(buffers);
  const std::size_t total = asio::buffer_size(buffers);
  outgoing out;
  if (total == first.size() || first.size() >= max_gathered) {
    out.bytes = {static_cast<const std::uint8_t*>(first.data()), first.size()};
    return out;
  }
  out.copy.resize(std::min(total, max_gathered));
  asio::buffer_copy(asio::buffer(out.copy), buffers);
  return out;
}

/// Returns the executor on which `of` lives.
RATHOLE_DECL io::executor home_of(const stream_pointer& of);

/// Reads from `from` into `out`; see `stream::async_read_some`. Must be called on its home, like all
/// functions below except `close` and `reset`.
RATHOLE_DECL void read_some(const stream_pointer& from, std::span<std::uint8_t> out,
                            completion<std::size_t> done, const cancellation_pointer& cancel);

/// Writes `in`; see `stream::async_write_some`.
RATHOLE_DECL void write_some(const stream_pointer& to, outgoing in, completion<std::size_t> done,
                             const cancellation_pointer& cancel);

/// Ends the sending direction of `of`; see `stream::async_shutdown_send`.
RATHOLE_DECL void shutdown_send(const stream_pointer& of, completion<> done);

/// Closes `gone` on its home; see `stream::close`. May be called by any thread.
RATHOLE_DECL void close(stream_pointer gone);

/// Resets `gone` on its home; see `stream::reset`. May be called by any thread.
RATHOLE_DECL void reset(stream_pointer gone);

}  // namespace rathole::embed::inline RATHOLE_ABI
