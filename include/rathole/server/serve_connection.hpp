#pragma once

#include <rathole/core/hex.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/run/run_on.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/stream/lingering_close.hpp>
#include <rathole/io/stream/machine_driver.hpp>
#include <rathole/protocol/authenticate.hpp>
#include <rathole/protocol/hello_reader.hpp>
#include <rathole/protocol/source_network.hpp>
#include <rathole/server/control_session.hpp>

#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace rathole::server {

/// Returns whether a client that authenticated for `before` is also authenticated for `now`.
inline bool same_service(const config::server_service& now, const config::server_service& before) {
  return now.kind == before.kind && now.token == before.token;
}

/// An unauthenticated connection; see `admission_control`.
template <class Context>
using pending_connection = std::unique_ptr<typename Context::admission_type::connection>;

/// Counts a control channel of a peer while it exists; see `admission_control::exempt`.
template <class Context>
class exemption {
 public:
  /// Counts a control channel of `peer`.
  exemption(Context& context, const address& peer)
      : context_(context), source_(protocol::source_network(peer.host)) {
    context_.admission->exempt(source_);
  }
  exemption(const exemption&) = delete;
  exemption& operator=(const exemption&) = delete;
  /// Stops counting it.
  ~exemption() { context_.admission->unexempt(source_); }

 private:
  Context& context_;
  const std::string source_;
};

/// Runs the session of a client that `machine` has authenticated for `service`, and reports its
/// events. `listener` is requested when the listener through which the client connected is closed,
/// which ends the session. If the settings have changed so that the authentication is no longer
/// valid, there is no session.
template <class Context>
io::awaitable<void> run_session(std::shared_ptr<Context> self,
                                std::shared_ptr<const config::server_service> service,
                                typename Context::stream_type stream,
                                typename control_session<Context>::machine_type machine,
                                protocol::digest service_key, protocol::digest session_key,
                                std::stop_token listener) {
  const auto* known = self->registry.find_service(service_key);
  if (!known || !same_service(**known, *service) || listener.stop_requested()) co_return;
  const auto session = std::make_shared<control_session<Context>>(self, *known, std::move(stream),
                                                                  std::move(machine));
  const auto previous = self->registry.attach(service_key, session_key, session);
  if (const auto replaced = previous ? previous->lock() : nullptr) {
    const control_channel_replaced event{session->service()->name, replaced->peer(),
                                         session->peer()};
    self->emit(event);
    replaced->close(make_error_code(errc::stopped));
  }
  const time_point began = self->runtime().now();
  const auto close = [&session] { session->close(make_error_code(errc::stopped)); };
  std::error_code reason = out_of_memory();
  try {
    const exemption<Context> exempt(*self, session->peer());
    const control_channel_established established{session->service()->name, session->peer()};
    self->emit(established);
    const std::stop_callback on_listener_closed(listener, close);
    reason = co_await session->run();
  } catch (const std::bad_alloc&) {
    session->close(reason);
  }
  self->registry.detach(service_key, session_key);
  const auto settings = self->settings;
  const control_channel_closed closed{session->service()->name, session->peer(), reason,
                                      self->runtime().now() - began, *settings};
  self->emit(closed);
}

/// Reports that a connection became neither a control nor a data channel, unless the server itself
/// ended it. `service` is the requested service, or null if it is unknown.
template <class Context>
void report_refusal(Context& self, const address& peer, std::error_code refusal,
                    const config::server_service* service, const protocol::digest& service_key) {
  if (refusal == errc::stopped) return;
  const bool repeated = !self.refusals.note(peer, refusal);
  if (refusal == errc::service_not_exist) {
    self.emit(unknown_service{peer, to_hex(service_key), repeated});
  } else if (refusal == errc::authentication_failed) {
    self.emit(authentication_failed{service->name, peer, repeated});
  } else {
    self.emit(handshake_failed{peer, refusal, *self.settings});
  }
}

/// Serves a connection that asks for a control channel: sends the challenge, and starts the session
/// if the client knows the token.
template <class Context>
io::awaitable<void> serve_control(std::shared_ptr<Context> self,
                                  typename Context::stream_type stream,
                                  protocol::digest service_key, pending_connection<Context> pending,
                                  std::stop_token listener) {
  using machine_type = typename control_session<Context>::machine_type;
  auto& runtime = self->runtime();
  stream.set_nodelay(true);
  std::shared_ptr<const config::server_service> service;
  if (const auto* known = self->registry.find_service(service_key)) service = *known;
  protocol::digest nonce;
  auto rng = runtime.rng();
  rng.fill(nonce);
  std::optional<protocol::digest> session_key;
  if (service) session_key = protocol::session_key(service->token, nonce);

  machine_type machine(nonce, session_key, self->settings->heartbeat_interval,
                       pending->deadline().at());
  {
    const auto close = [&stream] { stream.close(); };
    const std::stop_callback on_stop(pending->stopping(), close);
    io::machine_driver<machine_type, typename Context::stream_type, typename Context::runtime_type>
        driver(runtime, stream, machine);
    const auto event = co_await driver.next();
    const bool is_refused = !event || pending->is_stopping();
    if (is_refused) {
      const std::error_code cause = event ? make_error_code(errc::stopped) : event.error();
      report_refusal(*self, stream.peer(), pending->explain(cause), service.get(), service_key);
      if (stream.is_open()) co_await io::lingering_close(runtime, stream, pending->deadline().at());
      co_return;
    }
  }
  pending.reset();
  self->group.spawn(run_session(self, std::move(service), std::move(stream), std::move(machine),
                                service_key, *session_key, std::move(listener)));
}

/// Reads the Hello of a new connection, which is a step of `deadline`. Fails with `errc::stopped`
/// if `stop` was requested meanwhile.
template <class Context>
io::task<protocol::hello> read_hello(typename Context::runtime_type& runtime,
                                     typename Context::stream_type& stream, step_deadline deadline,
                                     std::stop_token stop) {
  using machine_type = protocol::hello_reader<typename Context::codec_type>;
  const auto close = [&stream] { stream.close(); };
  const io::stop_action on_stop(stop, runtime.get_executor(), close);
  machine_type machine(deadline.at());
  io::machine_driver<machine_type, typename Context::stream_type, typename Context::runtime_type>
      driver(runtime, stream, machine);
  auto hello = co_await driver.next();
  if (stop.stop_requested()) co_return failure(errc::stopped);
  if (hello) deadline.step_done(runtime.now());
  co_return hello;
}

/// Serves a data channel of a session. If memory runs out before its connection is active, the
/// session is ended, because its count of channels is no longer valid; the client starts a new one.
template <class Context>
io::awaitable<void> serve_data_channel(std::shared_ptr<control_session<Context>> session,
                                       typename Context::stream_type channel) {
  const std::weak_ptr<control_session<Context>> serving = session;
  try {
    co_await control_session<Context>::run_data_channel(std::move(session), std::move(channel));
  } catch (const std::bad_alloc&) {
    if (const auto still = serving.lock()) still->close(out_of_memory());
  }
}

/// A connection and its Hello.
template <class Context>
struct hello_connection {
  /// Makes the pair.
  hello_connection(typename Context::stream_type from, protocol::hello said)
      : stream(std::move(from)), hello(said) {}
  /// The connection.
  typename Context::stream_type stream;
  /// The Hello.
  protocol::hello hello;
};

/// Performs the handshake of `accepted` in the runtime of `transport`, where it lives, and reads
/// the Hello. The result lives in the runtime `home`.
template <class Context>
io::task<hello_connection<Context>> run_handshake(typename Context::transport_type transport,
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

/// Serves a new connection until its Hello says what it is for, and passes it on. `pending` limits
/// the time of each step: transport handshake, Hello and Auth. `listener` is requested when the
/// listener of the connection is closed.
template <class Context>
io::awaitable<void> serve_connection(std::shared_ptr<Context> self,
                                     typename Context::visitor_type accepted,
                                     pending_connection<Context> pending,
                                     std::stop_token listener) {
  using runtime_type = typename Context::runtime_type;
  const address peer = accepted.peer();
  runtime_type home = self->runtime();
  runtime_type runtime = home;
  if constexpr (Context::transport_type::handshake_is_expensive) {
    runtime = home.worker();
    if (runtime.get_executor() != home.get_executor()) accepted = accepted.move_to(runtime);
  }
  auto transport = self->transport.at(runtime);
  auto arrived =
      co_await io::run_on(runtime.get_executor(),
                          run_handshake<Context>(std::move(transport), home, std::move(accepted),
                                                 pending->deadline(), pending->stopping()));
  if (!arrived) {
    report_refusal(*self, peer, pending->explain(arrived.error()), nullptr, {});
    co_return;
  }
  if (arrived->hello.kind == protocol::hello_kind::control) {
    self->group.spawn(serve_control(self, std::move(arrived->stream), arrived->hello.digest,
                                    std::move(pending), std::move(listener)));
    co_return;
  }
  const auto* known = self->registry.find_session(arrived->hello.digest);
  if (auto session = known ? known->lock() : nullptr) {
    self->group.spawn(serve_data_channel<Context>(std::move(session), std::move(arrived->stream)));
    co_return;
  }
  report_refusal(*self, peer, pending->explain(errc::unknown_session), nullptr, {});
}

}  // namespace rathole::server
