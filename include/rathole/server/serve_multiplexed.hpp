#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/io/mux/stream.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/mux/hello.hpp>
#include <rathole/mux/settings.hpp>
#include <rathole/protocol/bincode.hpp>
#include <rathole/protocol/messages.hpp>
#include <rathole/server/multiplexed_client.hpp>
#include <rathole/server/read_hello.hpp>
#include <rathole/server/serve_channels.hpp>

#include <memory>
#include <stop_token>
#include <system_error>
#include <utility>

namespace rathole::server_side {

/// Serves a stream that a multiplexed client has opened, until its Hello says what it is for, and
/// passes it on. Its handshake has the deadline of a connection.
template <class Context>
io::awaitable<void> serve_stream(std::shared_ptr<Context> self,
                                 served_stream_pointer<Context> served,
                                 typename Context::stream_type stream, std::stop_token listener) {
  auto pending = self->admission->watch();
  auto runtime = self->runtime();
  const auto hello =
      co_await read_hello<Context>(runtime, stream, pending->deadline(), pending->stopping());
  std::error_code refusal;
  if (!hello) {
    refusal = pending->explain(hello.error());
  } else if (hello->kind == protocol::hello_kind::multiplexed) {
    refusal = errc::unexpected_hello;
  }
  if (refusal != errc::stopped) served->begun();
  if (refusal) {
    report_refusal(*self, stream.peer(), refusal, nullptr, {});
    co_return;
  }
  serve_channel<Context>(self, std::move(stream), *hello, std::move(pending), std::move(served),
                         std::move(listener));
}

/// Answers the Hello of a client that asked for multiplexing. Fails with `errc::stopped` if `stop`
/// is requested before the answer is sent.
template <class Context>
io::task<void> answer_hello(typename Context::connection_type& stream, mux::parameters own,
                            std::stop_token stop) {
  const auto close = [&stream] { stream.close(); };
  const std::stop_callback on_stop(stop, close);
  if (stop.stop_requested()) co_return failure(errc::stopped);
  const mux::encoded_hello hello = mux::encode_hello(own);
  co_return co_await stream.write(hello);
}

/// Serves a connection that asks for multiplexing with `parameters`, the last 32 bytes of its Hello,
/// until it ends. Each stream that the client opens is served like a connection.
template <class Context>
io::awaitable<void> serve_multiplexed(std::shared_ptr<Context> self,
                                      typename Context::connection_type stream,
                                      protocol::digest parameters,
                                      pending_connection<Context> pending,
                                      std::stop_token listener) {
  using client_type = multiplexed_client<Context>;
  using link_type = typename client_type::connection_type;
  const address peer = stream.peer();
  const protocol::hello said{protocol::hello_kind::multiplexed, parameters};
  const auto asked = mux::decode_hello(protocol::bincode::encode_hello(said));
  if (!asked) {
    report_refusal(*self, peer, asked.error(), nullptr, {});
    co_return;
  }
  const mux::settings own;
  const mux::parameters allowed = own.allowed();
  stream.set_nodelay(true);
  const auto answered = co_await answer_hello<Context>(stream, allowed, pending->stopping());
  if (!answered) {
    report_refusal(*self, peer, pending->explain(answered.error()), nullptr, {});
    co_return;
  }
  const auto link =
      link_type::make(self->runtime(), std::move(stream), mux::role::server, own, *asked);
  const auto client = std::make_shared<client_type>(self, link, std::move(pending));
  const std::weak_ptr<client_type> serving = client;
  link->set_on_open(
      [self_weak = std::weak_ptr<Context>(self), serving, listener](io::mux_stream opened) {
        const auto context = self_weak.lock();
        const auto from = serving.lock();
        if (!context || !from) return;
        auto served = std::make_unique<served_stream<Context>>(from);
        context->group.spawn(
            serve_stream<Context>(context, std::move(served), std::move(opened), listener));
      });
  const auto leave = [&client] { client->leave(); };
  const std::stop_callback on_listener_closed(listener, leave);
  const std::stop_callback on_closing(self->closing.get_token(), leave);
  const auto ended = co_await link->run();
  const std::error_code refusal = ended ? std::error_code() : client->refusal(ended.error());
  if (refusal) report_refusal(*self, peer, refusal, nullptr, {});
}

}  // namespace rathole::server_side
