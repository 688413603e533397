#pragma once

#include <rathole/core/error.hpp>
#include <rathole/core/layer.hpp>
#include <rathole/core/step_deadline.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/stream/layered_stream.hpp>
#include <rathole/io/stream/lingering_close.hpp>
#include <rathole/io/time/step_alarm.hpp>

#include <stop_token>
#include <system_error>
#include <utility>

namespace rathole::transport {

namespace detail {

/// Returns `closed_in_handshake` for all errors that mean a closed connection. Whether the peer
/// closes or resets it depends only on what the peer had not read yet.
inline std::error_code end_of_handshake(const std::error_code& error) {
  const bool is_closed = error == errc::end_of_stream || error == errc::truncated ||
                         error == std::errc::connection_reset || error == std::errc::broken_pipe;
  return is_closed ? make_error_code(errc::closed_in_handshake) : error;
}

}  // namespace detail

/// Performs the handshake of the layer of `fresh`, a connected stream in the runtime `runtime`, and
/// returns the stream. Fails with the errors of the layer, with `errc::closed_in_handshake` if the
/// peer closes or resets the connection, with `errc::timed_out` at the deadline, and with
/// `errc::stopped` as soon as `stop` is requested. `runtime` must outlive the call.
template <io::Runtime R, Layer L>
io::task<io::layered_stream<R, L>> layer_handshake(R& runtime, io::layered_stream<R, L> fresh,
                                                   step_deadline deadline, std::stop_token stop) {
  const auto close = [&fresh] { fresh.close(); };
  const io::stop_action on_stop(stop, runtime.get_executor(), close);
  if (stop.stop_requested()) co_return failure(errc::stopped);
  const io::step_alarm<R> on_timeout(runtime, deadline, close);
  const auto done = co_await fresh.handshake(deadline);
  if (!done) {
    // The lingering close lets the peer read our alert with the reason of the failure.
    if (fresh.is_open() && done.error() != errc::end_of_stream) {
      co_await io::lingering_close(runtime, fresh.next(), deadline.at());
    }
    co_return failure(on_timeout.explain(detail::end_of_handshake(done.error())));
  }
  co_return std::move(fresh);
}

}  // namespace rathole::transport
