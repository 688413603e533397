#pragma once

#include "config_text.hpp"
#include "eventually.hpp"
#include "our_program.hpp"
#include "services.hpp"
#include "temp_dir.hpp"
#include "tunnel.hpp"
#include "udp.hpp"
#include "udp_visitors.hpp"
#include "visitors.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::test {

/// Consecutive ports of 127.0.0.1 that nobody listens on.
class port_block {
 public:
  explicit port_block(std::size_t size) {
    while (ports_.size() < size) {
      // Each call gives another port, so blocks do not overlap.
      const std::uint16_t port = free_udp_port();
      if (ports_.empty() || port != at(ports_.size())) {
        ports_.clear();
        first_ = port;
      }
      try {
        ports_.emplace_back(port);
      } catch (const std::system_error&) {
        // It is in use by TCP.
        ports_.clear();
      }
    }
  }

  [[nodiscard]] std::uint16_t at(std::size_t index) const {
    return static_cast<std::uint16_t>(first_ + index);
  }
  /// Returns the text of the ports from the index `first` on, `size` of them.
  [[nodiscard]] std::string range(std::size_t first, std::size_t size) const {
    return std::to_string(at(first)) + '-' + std::to_string(at(first + size - 1));
  }

 private:
  std::uint16_t first_ = 0;
  std::list<reserved_port> ports_;
};

/// A server and a client with the service `game`, which has a range of ports. The first and the last
/// of twelve ports are left out in the beginning.
class ranged_tunnel {
 public:
  explicit ranged_tunnel(pairing programs, std::string type = "tcp")
      : programs_(std::move(programs)), type_(std::move(type)) {}

  /// The ports that are configured, of the twelve.
  std::size_t first = 0;
  std::size_t size = 11;
  /// Whether the sides have a range in their configuration, or a service for each port.
  bool server_has_range = true;
  bool client_has_range = true;
  /// Further keys and tables.
  std::string server_keys;
  std::string server_tables;
  std::string client_keys;
  /// The ports of visitors and of the local services.
  port_block visitors{12};
  port_block locals{12};

  void start() {
    server.emplace(programs_.server, std::vector<std::string>{"--server", write_server()});
    client.emplace(programs_.client, std::vector<std::string>{"--client", write_client()});
  }
  std::string write_server() {
    const std::string head = "[server]\nbind_addr = " + quoted_address(main) +
                             "\ndefault_token = \"" + std::string(default_token) + "\"\n" +
                             server_keys;
    return folder.write("server.toml",
                        head + services("server", "bind_addr", visitors, server_has_range, "") +
                            programs_.server_tables + server_tables);
  }
  std::string write_client() {
    const std::string head = "[client]\nremote_addr = " + quoted_address(main) +
                             "\nretry_interval = 1\ndefault_token = \"" +
                             std::string(default_token) + "\"\n" + client_keys;
    const std::string ports = "server_ports = \"" + visitors.range(first, size) + "\"\n";
    return folder.write("client.toml",
                        head + services("client", "local_addr", locals, client_has_range, ports) +
                            programs_.client_tables);
  }
  [[nodiscard]] std::string name_of(std::size_t index) const {
    return "game:" + std::to_string(visitors.at(index));
  }
  [[nodiscard]] std::string logs() const {
    return programs_.name + (server ? server->output() : "") + "\n---- client:\n" +
           (client ? client->output() : "");
  }

  temp_dir folder;
  reserved_port main;
  std::optional<process> server;
  std::optional<process> client;

 private:
  std::string services(const std::string& side, const std::string& key, const port_block& ports,
                       bool is_range, const std::string& keys) const {
    const auto table = [&](const std::string& name, const std::string& where) {
      return "[" + side + ".services.\"" + name + "\"]\ntype = \"" + type_ + "\"\n" + key +
             " = \"127.0.0.1:" + where + "\"\n";
    };
    if (is_range) return table("game", ports.range(first, size)) + keys;
    std::string out;
    for (std::size_t i = first; i < first + size; ++i) {
      out += table(name_of(i), std::to_string(ports.at(i)));
    }
    return out;
  }

  pairing programs_;
  std::string type_;
};

/// A local service for each port of `locals`, which greets with the index of its port.
class greeting_services {
 public:
  explicit greeting_services(const port_block& locals) {
    for (std::size_t i = 0; i < 12; ++i) services_.emplace_back(greet(words(i)), locals.at(i));
  }
  static std::string words(std::size_t index) { return std::to_string(index) + ": "; }

 private:
  std::list<service> services_;
};

/// Returns whether a visitor at the port with `index` reaches the local service of that index.
inline bool reaches(const ranged_tunnel& t, std::size_t index) {
  return round_trip(t.visitors.at(index), "hello through the tunnel",
                    greeting_services::words(index));
}

namespace scenario {

/// Each TCP visitor reaches the local service of its port.
inline void tcp_port_range(ranged_tunnel& t) {
  const greeting_services locals(t.locals);
  t.start();
  INFO(t.logs());
  for (std::size_t i = 0; i < t.size; ++i) CHECK(eventually([&] { return reaches(t, i); }));
  CHECK(refused(t.visitors.at(t.size)));
}

/// The same for UDP.
inline void udp_port_range(ranged_tunnel& t) {
  const auto reply_of = [](std::size_t i) -> udp_service::handler {
    return [i](std::string_view text) { return std::to_string(i) + std::string(text); };
  };
  std::list<udp_service> locals;
  for (std::size_t i = 0; i < t.size; ++i) locals.emplace_back(t.locals.at(i), reply_of(i));
  t.start();
  INFO(t.logs());
  for (std::size_t i = 0; i < t.size; ++i) {
    CHECK(udp_visitor(t.visitors.at(i), AF_INET, reply_of(i)).is_served());
  }
}

}  // namespace scenario

}  // namespace rathole::test
