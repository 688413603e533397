#pragma once

#include <rathole/transport/concepts.hpp>

#include <stop_token>
#include <utility>

namespace rathole::transport {

/// Plain TCP: the connection itself carries the protocol. Models `Transport`.
template <io::Runtime R>
class tcp {
 public:
  using runtime_type = R;
  using stream = typename R::stream;
  static constexpr bool handshake_is_work = false;

  /// `options` are set on every connection, dialled or accepted. A client or server sets those of its
  /// settings.
  tcp(R world, io::socket_options options) : runtime_(std::move(world)), options_(options) {}
  explicit tcp(R world) : tcp(std::move(world), io::socket_options()) {}

  [[nodiscard]] bool serves(config::transport_kind kind, const config::tcp_options& sockets,
                            config::side where) const {
    const bool dials_proxy = where == config::side::client && sockets.proxy;
    return kind == config::transport_kind::tcp && !dials_proxy;
  }

  R& runtime() { return runtime_; }
  tcp at(R world) { return tcp(std::move(world), options_); }
  void set_options(const io::socket_options& options) { options_ = options; }

  io::task<stream> connect(const address& to, step_deadline deadline, std::stop_token stop) {
    return runtime_.connect(to, options_, deadline.at(), std::move(stop));
  }

  io::task<typename R::acceptor> listen(const address& at, std::stop_token stop) {
    return runtime_.listen(at, options_, std::move(stop));
  }

  io::task<stream> handshake(stream accepted, step_deadline, std::stop_token) {
    accepted.apply(options_);
    co_return std::move(accepted);
  }

 private:
  R runtime_;
  io::socket_options options_;
};

}  // namespace rathole::transport
