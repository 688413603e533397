#pragma once

#include "eventually.hpp"
#include "net.hpp"
#include "our_program.hpp"
#include "process.hpp"
#include "services.hpp"
#include "temp_dir.hpp"
#include "visitors.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace rathole::test {

/// Several servers with the services "echo" and "more", and one client of ours with an echo service. The
/// servers can be killed and started again.
class server_fleet {
 public:
  /// Makes `count` servers, run by `program`, that have not started.
  explicit server_fleet(std::size_t count, std::string program = our_program())
      : program_(std::move(program)), servers_(count) {}

  /// Keys of `[server]`, of each of its services, and tables at the end of the server's file.
  std::string server_keys;
  std::string service_keys;
  std::vector<std::string> server_tables;
  /// Keys and tables at the end of the client's file.
  std::string client_keys;
  std::string client_tables;
  /// The host by which the client reaches each server, if it is not 127.0.0.1.
  std::vector<std::string> hosts;

  /// Starts the server, and waits until it listens.
  void start_server(std::size_t i) {
    const std::string file = "server" + std::to_string(i) + ".toml";
    std::string text = "[server]\nbind_addr = \"127.0.0.1:" + std::to_string(servers_[i].port) +
                       "\"\ndefault_token = \"a secret of mine\"\n" + server_keys;
    text += service_text("echo", servers_[i].echo) + service_text("more", servers_[i].more);
    if (i < server_tables.size()) text += server_tables[i];
    servers_[i].program.emplace(program_, std::vector{folder_.write(file, text)},
                                std::vector<std::string>{"RUST_LOG=info"});
    REQUIRE_MESSAGE(eventually([&] { return !refused(servers_[i].port); }),
                    servers_[i].program->output());
  }

  /// Asks the server to end by SIGTERM, and waits until it has ended.
  void stop_server(std::size_t i) {
    servers_[i].program->signal(SIGTERM);
    REQUIRE(servers_[i].program->wait_exit() == 0);
  }
  /// Returns the path of the server's file.
  [[nodiscard]] std::string server_file(std::size_t i) const {
    return (folder_.path() / ("server" + std::to_string(i) + ".toml")).string();
  }
  /// Kills the server.
  void kill_server(std::size_t i) { servers_[i].program->kill(); }

  /// Writes the client's file for the servers with the numbers `which`.
  std::string write_client(const std::vector<std::size_t>& which, const std::string& keys) {
    std::string list;
    for (const std::size_t i : which) list += "\"" + address_of(i) + "\", ";
    const std::string at = "\nlocal_addr = \"127.0.0.1:" + std::to_string(local_.port()) + "\"\n";
    return folder_.write("client.toml", "[client]\nremote_addr = [" + list +
                                            "]\ndefault_token = \"a secret of mine\"\n" +
                                            client_keys + keys + "[client.services.echo]" + at +
                                            "[client.services.more]" + at + client_tables);
  }

  /// Starts the client.
  void start_client(const std::vector<std::size_t>& which, const std::string& keys) {
    client.emplace(our_program(), std::vector{write_client(which, keys)},
                   std::vector<std::string>{"RATHOLE_LOG=info"});
  }

  /// Returns the address by which the client reaches a server.
  [[nodiscard]] std::string address_of(std::size_t i) const {
    return (i < hosts.size() ? hosts[i] : "127.0.0.1") + ":" + std::to_string(servers_[i].port);
  }
  /// Returns the ports of the services of a server.
  [[nodiscard]] std::uint16_t echo(std::size_t i) const { return servers_[i].echo; }
  [[nodiscard]] std::uint16_t more(std::size_t i) const { return servers_[i].more; }
  /// Returns whether both services are served by the server soon, or now.
  [[nodiscard]] bool serves(std::size_t i) const {
    return eventually([&] { return answered(echo(i)) && answered(more(i)); });
  }
  [[nodiscard]] bool serves_now(std::size_t i) const {
    return answered(echo(i)) && answered(more(i));
  }
  [[nodiscard]] const temp_dir& folder() const { return folder_; }

  std::optional<process> client;

 private:
  struct one {
    reserved_port port;
    reserved_port echo;
    reserved_port more;
    std::optional<process> program;
  };

  [[nodiscard]] std::string service_text(const std::string& name, std::uint16_t port) const {
    return "[server.services." + name + "]\nbind_addr = \"127.0.0.1:" + std::to_string(port) +
           "\"\n" + service_keys;
  }

  const std::string program_;
  temp_dir folder_;
  service local_{rathole::test::echo};
  std::deque<one> servers_;
};

namespace scenario {

/// A client fails over between two servers.
inline void fails_over(server_fleet& fleet) {
  fleet.start_server(1);
  fleet.start_client({0, 1}, "retry_interval = 1\n");
  INFO(fleet.client->output());
  REQUIRE(fleet.serves(1));
  fleet.start_server(0);
  // It stays where it is until that fails.
  CHECK(fleet.serves_now(1));
  CHECK(refused(fleet.echo(0)));
  fleet.kill_server(1);
  CHECK(fleet.serves(0));
  fleet.start_server(1);
  CHECK(fleet.serves_now(0));
  fleet.kill_server(0);
  CHECK(fleet.serves(1));
}

/// A client holds its services on all servers.
inline void holds_on_all(server_fleet& fleet) {
  fleet.start_server(0);
  fleet.start_server(1);
  fleet.start_client({0, 1}, "retry_interval = 1\nstrategy = \"all\"\n");
  INFO(fleet.client->output());
  REQUIRE(fleet.serves(0));
  REQUIRE(fleet.serves(1));
  fleet.kill_server(0);
  for (int i = 0; i < 20; ++i) CHECK(fleet.serves_now(1));
  fleet.start_server(0);
  CHECK(fleet.serves(0));
}

}  // namespace scenario

}  // namespace rathole::test
