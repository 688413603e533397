#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/any_layer.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/step_deadline.hpp>
#include <rathole/embed/diagnose/client_plan.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/stream/layered_stream.hpp>
#include <rathole/io/stream/machine_driver.hpp>
#include <rathole/io/time/alarm.hpp>
#include <rathole/mux/settings.hpp>
#include <rathole/protocol/authenticate.hpp>
#include <rathole/protocol/bincode.hpp>
#include <rathole/protocol/client_control.hpp>
#include <rathole/protocol/hello_reader.hpp>
#include <rathole/proxy/unreachable.hpp>
#include <rathole/transport/layer_handshake.hpp>
#include <rathole/transport/multiplexing_handshake.hpp>
#include <rathole/transport/prepare.hpp>
#include <rathole/transport/proxy_handshake.hpp>
#include <rathole/transport/socket_options.hpp>
#include <rathole/version.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

namespace rathole::embed::inline RATHOLE_ABI {

/// A connection to a server that is made step by step, as a client makes its control channels. Every
/// operation has a deadline of its own from the client's settings, and fails with `errc::stopped` as
/// soon as `stop` is requested. `settings` and `runtime` must outlive the link.
template <io::Runtime R>
class server_link {
 public:
  /// Makes a link without a connection.
  server_link(R& runtime, const config::client& settings, std::stop_token stop)
      : runtime_(runtime), settings_(settings), stop_(std::move(stop)) {}

  /// Lets the later connections lead to `server`, one of the client's settings.
  void use(address server) { server_ = std::move(server); }
  /// Returns the server to which connections lead.
  [[nodiscard]] const address& server() const { return server_; }

  /// Returns whether there is a connection.
  [[nodiscard]] bool is_open() const { return stream_.has_value(); }

  /// Dials the server, or the proxy that leads to it; returns the address that answered. Fails as
  /// `Transport::connect`.
  io::task<address> dial() {
    const address to = dialled_address(settings_, server_);
    const io::socket_options options = transport::to_socket_options(settings_);
    const time_point deadline = runtime_.now() + settings_.connect_timeout;
    auto dialled = co_await runtime_.connect(to, options, deadline, stop_);
    if (!dialled) {
      const bool is_proxy = settings_.transport.tcp.proxy.has_value();
      co_return failure(is_proxy ? proxy::unreachable(dialled.error()) : dialled.error());
    }
    address peer = dialled->peer();
    stream_.emplace(std::move(*dialled));
    co_return std::move(peer);
  }

  /// Asks the proxy of `with`, whose connection this is, for one to the server. Fails as
  /// `proxy_handshake`.
  io::task<void> pass_proxy(const transport::prepared_client& with) {
    auto passed =
        co_await transport::proxy_handshake(runtime_, take(), *with.proxy, server_, step(), stop_);
    if (!passed) co_return failure(passed.error());
    stream_.emplace(std::move(*passed));
    co_return result<void>{};
  }

  /// Performs the handshake of the transport; returns what it agreed on. Fails as
  /// `layer_handshake`.
  io::task<std::string> handshake(const transport::prepared_client& with) {
    auto layer = with.layers(server_);
    if (!layer) co_return failure(layer.error());
    layered_stream fresh(runtime_, take(), std::move(*layer));
    auto done = co_await transport::layer_handshake(runtime_, std::move(fresh), step(), stop_);
    if (!done) co_return failure(done.error());
    std::string summary = done->layer().summary();
    stream_.emplace(std::move(*done));
    co_return std::move(summary);
  }

  /// Performs all steps up to here.
  io::task<void> open(const transport::prepared_client& with) {
    const auto dialled = co_await dial();
    if (!dialled) co_return failure(dialled.error());
    if (with.proxy) {
      const auto passed = co_await pass_proxy(with);
      if (!passed) co_return passed;
    }
    if (with.layers) {
      const auto done = co_await handshake(with);
      if (!done) co_return failure(done.error());
    }
    co_return result<void>{};
  }

  /// Begins a control channel of `service`: sends our Hello and reads that of the server. Fails as
  /// `protocol::client_control`.
  io::task<void> exchange_hellos(std::string_view service) {
    const protocol::digest wanted = protocol::service_digest(service);
    const auto begin = [this, &wanted](auto& stream) {
      return this->exchange_hellos(stream, wanted);
    };
    auto work = std::visit(begin, *stream_);
    auto done = co_await std::move(work);
    if (!done) stream_.reset();
    co_return done;
  }

  /// Ends the control channel that `exchange_hellos` began before it authenticates itself, and closes
  /// the connection. Fails with `errc::service_not_exist` if the server does not have the service. A
  /// server that has it says nothing, and waits for the token until our direction ends. Compat:
  /// upstream's server does the same.
  io::task<void> end_unauthenticated() {
    const auto end = [this](auto& stream) { return this->end_unauthenticated(stream); };
    auto work = std::visit(end, *stream_);
    auto done = co_await std::move(work);
    stream_.reset();
    co_return done;
  }

  /// Establishes a control channel of `service` on a connection without one, and closes the
  /// connection. Fails as `protocol::client_control`.
  io::task<void> authenticate(const config::client_service& service) {
    const auto begin = [this, &service](auto& stream) {
      return this->authenticate(stream, service);
    };
    auto work = std::visit(begin, *stream_);
    auto done = co_await std::move(work);
    stream_.reset();
    co_return done;
  }

  /// Asks the server for multiplexing on a connection on which nothing else was sent, and closes it.
  /// Fails as `multiplexing_handshake`.
  io::task<mux::parameters> ask_for_multiplexing() {
    const auto ask = [this](auto& stream) {
      const mux::settings own;
      return transport::multiplexing_handshake(runtime_, stream, own.allowed(), step(), stop_);
    };
    auto work = std::visit(ask, *stream_);
    auto done = co_await std::move(work);
    stream_.reset();
    co_return done;
  }

  /// Closes the connection.
  void close() { stream_.reset(); }

 private:
  using codec = protocol::bincode;
  using bare_stream = typename R::stream;
  using layered_stream = io::layered_stream<R, any_layer>;

  /// The deadline of a handshake that begins now.
  step_deadline step() { return {runtime_.now(), settings_.connect_timeout}; }

  bare_stream take() {
    bare_stream out = std::move(std::get<bare_stream>(*stream_));
    stream_.reset();
    return out;
  }

  template <io::ByteStream S>
  io::task<void> exchange_hellos(S& stream, protocol::digest service) {
    const time_point deadline = runtime_.now() + settings_.handshake_timeout;
    const auto close = [&stream] { stream.close(); };
    const io::stop_action on_stop(stop_, runtime_.get_executor(), close);
    const io::alarm<R> on_timeout(runtime_, deadline, close);
    stream.set_nodelay(true);
    const protocol::hello ours{protocol::hello_kind::control, service};
    const auto message = codec::encode_hello(ours);
    // A failed write is not reported, because the server's last bytes may still say why.
    co_await stream.write(message);
    protocol::hello_reader<codec> reader(deadline);
    io::machine_driver<protocol::hello_reader<codec>, S, R> driver(runtime_, stream, reader);
    const auto theirs = co_await driver.next();
    if (!theirs) co_return failure(on_timeout.explain(theirs.error()));
    if (theirs->kind != protocol::hello_kind::control) co_return failure(errc::unexpected_hello);
    co_return result<void>{};
  }

  template <io::ByteStream S>
  io::task<void> end_unauthenticated(S& stream) {
    const time_point deadline = runtime_.now() + settings_.handshake_timeout;
    const auto close = [&stream] { stream.close(); };
    const io::stop_action on_stop(stop_, runtime_.get_executor(), close);
    const io::alarm<R> on_timeout(runtime_, deadline, close);
    co_await stream.shutdown_send();
    std::array<std::uint8_t, codec::ack_size> bytes;
    std::size_t size = 0;
    while (size < bytes.size()) {
      const byte_span room = byte_span(bytes).subspan(size);
      const auto count = co_await stream.read_some(room);
      if (!count || *count == 0) break;
      size += *count;
    }
    // A server that refuses does so at once, so every other end means that it has the service.
    if (size < bytes.size()) co_return result<void>{};
    const auto verdict = codec::decode_ack(bytes);
    if (!verdict) co_return failure(verdict.error());
    if (*verdict == protocol::ack::service_not_exist) co_return failure(errc::service_not_exist);
    co_return failure(errc::malformed_message);
  }

  template <io::ByteStream S>
  io::task<void> authenticate(S& stream, const config::client_service& service) {
    const auto close = [&stream] { stream.close(); };
    const io::stop_action on_stop(stop_, runtime_.get_executor(), close);
    stream.set_nodelay(true);
    using machine_type = protocol::client_control<codec>;
    machine_type machine(protocol::service_digest(service.name), service.token,
                         settings_.handshake_timeout, duration::zero(), runtime_.now());
    io::machine_driver<machine_type, S, R> driver(runtime_, stream, machine);
    const auto event = co_await driver.next();
    if (!event) co_return failure(event.error());
    stream.close();
    co_return result<void>{};
  }

  R& runtime_;
  const config::client& settings_;
  /// The server to which connections lead.
  address server_;
  std::stop_token stop_;
  std::optional<std::variant<bare_stream, layered_stream>> stream_;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
