#pragma once

#include "eventually.hpp"
#include "our_program.hpp"
#include "services.hpp"
#include "transport_tables.hpp"
#include "tunnel.hpp"
#include "visitors.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>

namespace rathole::test {

/// A tunnel of our programs to an echo service, which serves visitors once it is constructed.
struct serving_tunnel {
  service local{echo};
  tunnel both;
  std::uint16_t port;

  /// `keys` are added to both sides.
  serving_tunnel(const transport_tables& by, const std::string& keys)
      : both({by.name, our_program(), our_program(), by.server, by.client}),
        port(both.add("echo", local.port())) {
    both.server_keys = keys;
    both.client_keys = "retry_interval = 1\n" + keys;
    both.start();
    if (!eventually([&] { return round_trip(port); })) fail("no tunnel");
  }

  /// Returns a visitor whose connection is forwarded.
  [[nodiscard]] tcp_socket visitor() const {
    tcp_socket socket = tcp_socket::connect(port);
    socket.send_all("hello");
    if (socket.receive(5) != "hello") fail("no echo");
    return socket;
  }

  [[nodiscard]] process& end(bool server) { return server ? *both.server : *both.client; }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error(what + '\n' + both.logs());
  }
};

}  // namespace rathole::test
