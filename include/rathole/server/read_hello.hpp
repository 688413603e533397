#pragma once

#include <rathole/core/error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/step_deadline.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/stream/machine_driver.hpp>
#include <rathole/io/task.hpp>
#include <rathole/protocol/hello_reader.hpp>
#include <rathole/protocol/messages.hpp>

#include <stop_token>
#include <utility>

namespace rathole::server_side {

/// Reads the Hello of a new connection or multiplexed stream, which is a step of `deadline`. Fails
/// with `errc::stopped` if `stop` was requested meanwhile.
template <class Context, io::ByteStream S>
io::task<protocol::hello> read_hello(typename Context::runtime_type& runtime, S& stream,
                                     step_deadline deadline, std::stop_token stop) {
  using machine_type = protocol::hello_reader<typename Context::codec_type>;
  const auto close = [&stream] { stream.close(); };
  const io::stop_action on_stop(stop, runtime.get_executor(), close);
  machine_type machine(deadline.at());
  io::machine_driver<machine_type, S, typename Context::runtime_type> driver(runtime, stream,
                                                                             machine);
  const auto fed = driver.feed_now();
  if (!fed) co_return failure(fed.error());
  auto hello = co_await driver.next();
  if (stop.stop_requested()) co_return failure(errc::stopped);
  if (hello) deadline.step_done(runtime.now());
  co_return hello;
}

/// A connection and its Hello.
template <class Context>
struct hello_connection {
  /// Makes the pair.
  hello_connection(typename Context::connection_type from, protocol::hello said)
      : stream(std::move(from)), hello(said) {}
  /// The connection.
  typename Context::connection_type stream;
  /// The Hello.
  protocol::hello hello;
};

/// Performs the handshake of `accepted` in the runtime of `transport`, where it lives, and reads
/// the Hello. The result lives in the runtime `home`.
template <class Context>
io::task<hello_connection<Context>> accept_handshake(typename Context::transport_type transport,
                                                     typename Context::runtime_type home,
                                                     typename Context::visitor_type accepted,
                                                     step_deadline deadline, std::stop_token stop) {
  auto runtime = transport.runtime();
  auto stream = co_await transport.handshake(std::move(accepted), deadline, stop);
  if (!stream) co_return failure(stream.error());
  const auto hello = co_await read_hello<Context>(runtime, *stream, deadline, stop);
  if (!hello) co_return failure(hello.error());
  if (runtime.get_executor() == home.get_executor()) {
    co_return hello_connection<Context>(std::move(*stream), *hello);
  }
  co_return hello_connection<Context>(stream->move_to(home), *hello);
}

}  // namespace rathole::server_side
