#pragma once

#include "config_text.hpp"
#include "eventually.hpp"
#include "net.hpp"
#include "process.hpp"
#include "temp_dir.hpp"
#include "udp.hpp"
#include "visitors.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace rathole::test {

/// Says which program runs at which end, and the transport tables of each.
struct pairing {
  std::string name;
  std::string server;
  std::string client;
  std::string server_tables = {};
  std::string client_tables = {};
};

/// A server and a client, with their own ports and files, that run as two processes.
class tunnel {
 public:
  explicit tunnel(pairing programs)
      : server_tables(programs.server_tables),
        client_tables(programs.client_tables),
        programs_(std::move(programs)) {}

  /// Adds a service to both configurations; returns the port for its visitors. An empty token means
  /// the tests' common one.
  std::uint16_t add(const std::string& name, std::uint16_t local_port,
                    const std::string& server_token = {}, const std::string& client_token = {}) {
    const std::uint16_t port = add_server_only(name, server_token);
    add_client_only(name, local_port, client_token);
    return port;
  }
  std::uint16_t add_server_only(const std::string& name, const std::string& token = {}) {
    const std::uint16_t port = ports_.emplace_back(reserve_both());
    server_entries_.push_back(entry(name, port, token));
    return port;
  }
  void add_client_only(const std::string& name, std::uint16_t local_port,
                       const std::string& token = {}) {
    client_entries_.push_back(entry(name, local_port, token));
  }

  /// Adds a service with several local addresses and further `keys` of the client; returns the port for its
  /// visitors.
  std::uint16_t add_spread(const std::string& name, const std::vector<std::uint16_t>& local_ports,
                           const std::string& keys) {
    std::string list;
    for (const std::uint16_t each : local_ports) {
      list += (list.empty() ? "[" : ", ") + quoted_address(each);
    }
    service_entry spread = entry(name, 0, {});
    spread.keys = keys;
    spread.address = list + ']';
    client_entries_.push_back(std::move(spread));
    return add_server_only(name);
  }

  /// Adds a UDP service; returns the port for its visitors. The addresses, in quotes, are 127.0.0.1
  /// and the ports by default.
  std::uint16_t add_udp(const std::string& name, std::uint16_t local_port,
                        const std::string& local_address = {}) {
    const std::uint16_t port = free_udp_port();
    add_udp_at(name, port, {}, local_port, local_address);
    return port;
  }
  void add_udp_at(const std::string& name, std::uint16_t port, const std::string& bind_address,
                  std::uint16_t local_port, const std::string& local_address = {}) {
    const std::string token(default_token);
    const std::string udp = "type = \"udp\"";
    server_entries_.push_back({name, port, token, udp, bind_address});
    client_entries_.push_back({name, local_port, token, udp, local_address});
  }

  /// Further lines of `[server]` and `[client]`, and further tables of the files.
  std::string server_keys;
  std::string client_keys = "retry_interval = 1";
  std::string server_tables;
  std::string client_tables;
  /// Further lines of each service of the server.
  std::string server_service_keys;
  /// Further environment of both programs.
  std::vector<std::string> environment;
  /// The address that clients dial; the port is the server's own unless set.
  std::optional<std::uint16_t> remote_port;
  std::string remote_host = "127.0.0.1";

  void start() {
    start_server();
    start_client();
  }
  /// Starts the client only once the server listens, so that its first attempt can succeed.
  void start_server_first() {
    start_server();
    eventually([this] { return !refused(port_); });
    start_client();
  }
  /// Restarts the server on the same ports; a running one is killed.
  void start_server() {
    server.emplace(programs_.server, arguments("--server", "server.toml", server_text()),
                   environment);
  }
  /// Rewrites the server's configuration; a running server reloads it by itself.
  void rewrite_server() { directory_.write("server.toml", server_text()); }
  /// Rewrites the client's configuration; a running client reloads it by itself.
  void rewrite_client() { directory_.write("client.toml", client_text(client_entries_)); }
  /// Restarts the client; a running one is killed.
  void start_client() { start_client(client, "client.toml", client_entries_); }
  /// Starts a second client that forwards the same services to other ports.
  void start_competitor(const std::vector<std::uint16_t>& local_ports) {
    std::vector<service_entry> entries = client_entries_;
    for (std::size_t i = 0; i < entries.size(); ++i) entries[i].port = local_ports.at(i);
    start_client(rival, "rival.toml", entries);
  }

  /// Returns the server's port for clients.
  std::uint16_t port() const { return port_; }
  /// Returns the output of all programs, for the report of a failure.
  std::string logs() const {
    std::string text = programs_.name;
    const auto add_part = [&](const char* who, const std::optional<process>& program) {
      if (program) text += std::string("\n---- ") + who + ":\n" + program->output();
    };
    add_part("server", server);
    add_part("client", client);
    add_part("rival", rival);
    return text;
  }

  std::optional<process> server;
  std::optional<process> client;
  std::optional<process> rival;

 private:
  static service_entry entry(const std::string& name, std::uint16_t port,
                             const std::string& token) {
    return {name, port, token.empty() ? std::string(default_token) : token, {}, {}};
  }
  std::string server_text() const {
    const std::string bind = remote_host == "localhost" ? quoted_localhost(port_) : "";
    std::vector<service_entry> entries = server_entries_;
    for (service_entry& each : entries) each.keys += "\n" + server_service_keys;
    return server_toml(port_, entries, server_keys, server_tables, bind);
  }
  std::string client_text(const std::vector<service_entry>& entries) const {
    return client_toml(remote_port.value_or(port_), entries, client_keys, client_tables,
                       remote_host);
  }
  std::vector<std::string> arguments(const char* mode, const char* file, const std::string& text) {
    return {mode, directory_.write(file, text)};
  }
  void start_client(std::optional<process>& which, const char* file,
                    const std::vector<service_entry>& entries) {
    which.emplace(programs_.client, arguments("--client", file, client_text(entries)), environment);
  }

  pairing programs_;
  temp_dir directory_;
  reserved_port port_;
  std::deque<reserved_port> ports_;
  std::vector<service_entry> server_entries_;
  std::vector<service_entry> client_entries_;
};

}  // namespace rathole::test
