#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/step_deadline.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/time/step_alarm.hpp>
#include <rathole/mux/hello.hpp>
#include <rathole/mux/settings.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <stop_token>

namespace rathole::transport {

/// Asks the server at the other end of `stream`, which lives in `runtime`, for multiplexing: sends
/// the Hello with `own` and returns what that of the server says. Reads nothing beyond it.
///
/// Fails with `errc::end_of_stream` or the error of the stream if the server ends the connection,
/// with an error of `mux::decode_hello` for another answer, with `errc::timed_out` at the deadline,
/// and with `errc::stopped` as soon as `stop` is requested. `runtime` and `stream` must outlive the
/// call.
template <io::Runtime R, io::ByteStream S>
io::task<mux::parameters> multiplexing_handshake(R& runtime, S& stream, mux::parameters own,
                                                 step_deadline deadline, std::stop_token stop) {
  const auto close = [&stream] { stream.close(); };
  const io::stop_action on_stop(stop, runtime.get_executor(), close);
  if (stop.stop_requested()) co_return failure(errc::stopped);
  const io::step_alarm<R> on_timeout(runtime, deadline, close);
  const mux::encoded_hello hello = mux::encode_hello(own);
  const auto sent = co_await stream.write(hello);
  if (!sent) co_return failure(on_timeout.explain(sent.error()));
  mux::encoded_hello answer{};
  std::size_t received = 0;
  for (;;) {
    if (received == answer.size()) break;
    const auto count = co_await stream.read_some(byte_span(answer).subspan(received));
    if (!count) co_return failure(on_timeout.explain(count.error()));
    if (*count == 0) co_return failure(errc::end_of_stream);
    received += *count;
  }
  co_return mux::decode_hello(answer);
}

}  // namespace rathole::transport
