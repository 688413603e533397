#pragma once

#include "config_text.hpp"
#include "net.hpp"

#include <rathole/core/secret.hpp>
#include <rathole/protocol/authenticate.hpp>
#include <rathole/protocol/bincode.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace rathole::test {

/// Converts bytes of the protocol to the text that a socket sends.
inline std::string to_text(byte_view bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline byte_view to_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline std::string control_hello(std::string_view service) {
  return to_text(protocol::bincode::encode_hello(
      {protocol::hello_kind::control, protocol::service_digest(service)}));
}
inline std::string data_hello(const protocol::digest& session_key) {
  return to_text(protocol::bincode::encode_hello({protocol::hello_kind::data, session_key}));
}

/// A client that the test scripts step by step, over a socket.
class manual_client {
 public:
  explicit manual_client(std::uint16_t port) : control(tcp_socket::connect(port)), port_(port) {}

  /// Requests the service, and computes the response to the server's challenge.
  void say_hello(std::string_view service) {
    control.send_all(control_hello(service));
    const std::string answer = control.receive(protocol::bincode::hello_size);
    const auto hello = protocol::bincode::decode_hello(to_bytes(answer));
    if (!hello) throw std::system_error(hello.error(), "no Hello");
    session_key = protocol::session_key(secret(std::string(default_token)), hello->digest);
  }
  [[nodiscard]] std::string auth() const {
    return to_text(protocol::bincode::encode_auth(session_key));
  }

  /// Completes the handshake; returns whether the server accepts it.
  bool authenticate(std::string_view service) {
    say_hello(service);
    control.send_all(auth());
    const std::string verdict = control.receive(protocol::bincode::ack_size);
    return protocol::bincode::decode_ack(to_bytes(verdict)) == protocol::ack::ok;
  }

  [[nodiscard]] tcp_socket open_data_channel() const {
    tcp_socket channel = tcp_socket::connect(port_);
    channel.send_all(data_hello(session_key));
    return channel;
  }

  tcp_socket control;
  protocol::digest session_key{};

 private:
  std::uint16_t port_;
};

}  // namespace rathole::test
