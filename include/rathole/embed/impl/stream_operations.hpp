#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/result.hpp>
#include <rathole/embed/impl/to_public_error.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/embed/stream_operations.hpp>
#include <rathole/io/run/start_task.hpp>
#include <rathole/io/stream/shared_stream.hpp>
#include <rathole/version.hpp>

#include <asio/error.hpp>
#include <asio/post.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

namespace detail {

/// Writes `in` from a copy that lives as long as the write.
inline io::task<void> write(stream_pointer to, outgoing in) {
  const byte_view bytes = in.copy.empty() ? byte_view(in.bytes) : byte_view(in.copy);
  co_return co_await to->write(bytes);
}

/// Reads from `from`, which lives as long as the read.
inline io::task<std::size_t> read(stream_pointer from, byte_span out) {
  co_return co_await from->read_some(out);
}

/// Returns what the cancellation of an operation refers to: the operation owns the stream, while the
/// signal may outlive the context, which the stream must not.
inline std::weak_ptr<io::shared_stream> weak(const stream_pointer& of) { return of; }

/// Ends the sending direction of `of`, which lives as long as that takes.
inline io::task<void> end_sending(stream_pointer of) { co_return co_await of->shutdown_send(); }

}  // namespace detail

RATHOLE_DECL io::executor home_of(const stream_pointer& of) { return of->get_executor(); }

RATHOLE_DECL void read_some(const stream_pointer& from, std::span<std::uint8_t> out,
                            completion<std::size_t> done, const cancellation_pointer& cancel) {
  if (from->is_closed()) return done(asio::error::operation_aborted, 0);
  if (out.empty()) return done({}, 0);
  if (cancel) {
    cancel->action = [of = detail::weak(from)](asio::cancellation_type) {
      if (const auto running = of.lock()) running->cancel_read();
    };
  }
  auto ended = [done = std::move(done), cancel](const result<std::size_t>& taken) mutable {
    if (cancel) cancel->action = nullptr;
    if (!taken) return done(detail::to_public_error(taken.error()), 0);
    if (*taken == 0) return done(asio::error::eof, 0);
    done({}, *taken);
  };
  const auto make = [&] { return detail::read(from, out); };
  io::start_task<std::size_t>(from->get_executor(), make, std::move(ended));
}

RATHOLE_DECL void write_some(const stream_pointer& to, outgoing in, completion<std::size_t> done,
                             const cancellation_pointer& cancel) {
  const std::size_t size = in.copy.empty() ? in.bytes.size() : in.copy.size();
  if (to->is_closed()) return done(asio::error::operation_aborted, 0);
  if (size == 0) return done({}, 0);
  if (cancel) {
    cancel->action = [of = detail::weak(to)](asio::cancellation_type type) {
      if ((type & asio::cancellation_type::terminal) == asio::cancellation_type::none) return;
      // A part may have been sent, after which nothing can follow.
      if (const auto running = of.lock()) running->abort(errc::stopped);
    };
  }
  auto ended = [done = std::move(done), cancel, size](const result<void>& written) mutable {
    if (cancel) cancel->action = nullptr;
    if (!written) return done(detail::to_public_error(written.error()), 0);
    done({}, size);
  };
  const auto make = [&] { return detail::write(to, std::move(in)); };
  io::start_task<void>(to->get_executor(), make, std::move(ended));
}

RATHOLE_DECL void shutdown_send(const stream_pointer& of, completion<> done) {
  if (of->is_closed()) return done(asio::error::operation_aborted);
  auto ended = [done = std::move(done)](const result<void>& sent) mutable {
    done(sent ? std::error_code() : detail::to_public_error(sent.error()));
  };
  const auto make = [&] { return detail::end_sending(of); };
  io::start_task<void>(of->get_executor(), make, std::move(ended));
}

RATHOLE_DECL void close(stream_pointer gone) {
  const io::executor home = gone->get_executor();
  asio::post(home, [gone = std::move(gone)] { gone->close(); });
}

RATHOLE_DECL void reset(stream_pointer gone) {
  const io::executor home = gone->get_executor();
  asio::post(home, [gone = std::move(gone)] { gone->abort(errc::stopped); });
}

}  // namespace rathole::embed::inline RATHOLE_ABI
