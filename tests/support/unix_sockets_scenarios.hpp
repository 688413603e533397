#pragma once

#include "config_text.hpp"
#include "eventually.hpp"
#include "proxy_protocol_scenarios.hpp"
#include "services.hpp"
#include "tunnel.hpp"
#include "unix_sockets.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace rathole::test {

/// An HAProxy that passes TCP connections on to a Unix-domain socket, each with a header of the PROXY protocol.
struct haproxy_to_unix : server_program {
  explicit haproxy_to_unix(const std::string& path) {
    const std::string text =
        "global\nnbthread 1\nmaxconn 2000\ndefaults\ntimeout connect 10s\ntimeout client 60s\n"
        "timeout server 60s\nlisten all\nmode tcp\nbind 127.0.0.1:" +
        std::to_string(port()) + "\nserver ours unix@" + path + " send-proxy-v2\n";
    start("haproxy", {"-db", "-f", folder().write("haproxy.cfg", text)});
  }
};

/// A server and a client with one service, whose files are in the folder of the sockets.
class unix_tunnel {
 public:
  unix_tunnel(std::string server_program, std::string client_program)
      : server_program_(std::move(server_program)), client_program_(std::move(client_program)) {
    server = "bind_addr = \"127.0.0.1:" + std::to_string(port_) + "\"\n";
    client = "remote_addr = \"127.0.0.1:" + std::to_string(port_) + "\"\n";
  }

  /// The lines of `[server]` and `[client]`, of their service, and further tables.
  std::string server;
  std::string client;
  std::string server_service;
  std::string client_service;
  std::string server_tables;
  std::string client_tables;

  void start() {
    start_server();
    rewrite_client();
    client_process.emplace(client_program_,
                           std::vector<std::string>{"--client", path("client.toml")});
  }
  void rewrite_client() {
    folder_.write("client.toml", text_of("client", client, client_service, client_tables));
  }
  void start_server() {
    rewrite_server();
    server_process.emplace(server_program_,
                           std::vector<std::string>{"--server", path("server.toml")});
  }
  void rewrite_server() {
    folder_.write("server.toml", text_of("server", server, server_service, server_tables));
  }

  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }
  [[nodiscard]] std::string logs() const {
    return (server_process ? server_process->output() : "") + "\n---- client:\n" +
           (client_process ? client_process->output() : "");
  }

  std::optional<process> server_process;
  std::optional<process> client_process;

 private:
  static std::string text_of(const std::string& side, const std::string& keys,
                             const std::string& service, const std::string& tables) {
    return '[' + side + "]\ndefault_token = \"" + std::string(default_token) + "\"\n" + keys +
           (side == "client" ? "retry_interval = 1\n" : "") + '[' + side + ".services.web]\n" +
           service + tables;
  }

  std::string server_program_;
  std::string client_program_;
  temp_dir folder_;
  reserved_port port_;
};

namespace scenario {

/// A local service at a Unix-domain socket that sends back what it gets.
class unix_echo {
 public:
  explicit unix_echo(const std::string& path) : listener_(listen_unix(path)) {
    thread_ = std::thread([this] { serve(); });
  }
  unix_echo(const unix_echo&) = delete;
  unix_echo& operator=(const unix_echo&) = delete;
  ~unix_echo() {
    listener_.shutdown();
    thread_.join();
    for (std::thread& each : visits_) each.join();
  }

 private:
  void serve() {
    while (auto accepted = listener_.accept()) {
      visits_.emplace_back([socket = std::move(*accepted)]() mutable {
        try {
          echo(socket);
        } catch (const std::system_error&) {
          // The visitor may go at any time.
        }
      });
    }
  }

  tcp_socket listener_;
  std::thread thread_;
  std::vector<std::thread> visits_;
};

/// Returns whether `socket` gets back `size` bytes that it sends, and then the end.
inline bool echoes(std::optional<tcp_socket> socket, std::size_t size) {
  if (!socket) return false;
  std::string sent(size, 'a');
  for (std::size_t i = 0; i < size; i += 7) sent[i] = static_cast<char>(i);
  std::string got;
  bool was_sent = false;
  std::thread writer([&] {
    was_sent = socket->try_send_all(sent);
    socket->shutdown_write();
  });
  try {
    got = socket->receive_all();
  } catch (const std::system_error&) {
    got.clear();
  }
  writer.join();
  return was_sent && got == sent;
}
inline bool echoes(const std::string& path, std::size_t size = 10) {
  return echoes(connect_unix(path), size);
}

/// Visitors come by files, abstract names and ports to a local service at a port.
inline void visitors_at_unix_sockets(const pairing& programs) {
  unix_tunnel t(programs.server, programs.client);
  t.server_tables = programs.server_tables;
  t.client_tables = programs.client_tables;
  service local(echo);
  const reserved_port port;
  const std::string name = "@" + t.path("abstract");
  t.server_service = "bind_addr = [\"unix:web.sock\", \"unix:" + name +
                     "\", \"127.0.0.1:" + std::to_string(port) + "\"]\n";
  t.client_service = "local_addr = \"127.0.0.1:" + std::to_string(local.port()) + "\"\n";
  t.start();
  INFO(t.logs());
  REQUIRE(eventually([&] { return echoes(t.path("web.sock")); }));
  CHECK(echoes(t.path("web.sock"), 3'000'000));
  CHECK(eventually([&] { return echoes(name); }));
  CHECK(eventually([&] { return echoes(tcp_socket::try_connect(port, test_timeout), 10); }));
}

/// A local service is at a Unix-domain socket, its visitors at a port.
inline void services_at_unix_sockets(const pairing& programs) {
  unix_tunnel t(programs.server, programs.client);
  t.server_tables = programs.server_tables;
  t.client_tables = programs.client_tables;
  const reserved_port port;
  t.server_service = "bind_addr = \"127.0.0.1:" + std::to_string(port) + "\"\n";
  t.client_service = "local_addr = \"unix:local.sock\"\n";
  unix_echo local(t.path("local.sock"));
  t.start();
  INFO(t.logs());
  const auto visit = [&port](std::size_t size) {
    return echoes(tcp_socket::try_connect(port, test_timeout), size);
  };
  REQUIRE(eventually([&] { return visit(10); }));
  CHECK(visit(3'000'000));
}

}  // namespace scenario

}  // namespace rathole::test
