#include "support/authority.hpp"
#include "support/config_text.hpp"
#include "support/file_text.hpp"
#include "support/net.hpp"
#include "support/our_program.hpp"
#include "support/process.hpp"
#include "support/proxy_programs.hpp"
#include "support/temp_dir.hpp"
#include "support/tools.hpp"
#include "support/visitors.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Compares what each side logs about a misconfiguration with docs/troubleshooting.md.
// RATHOLE_WRITE_TABLES=1 rewrites the page.

namespace rathole::test {
namespace {

constexpr std::string_view begin_mark =
    "<!-- The table is written by tests/integration/troubleshooting_test.cpp. -->\n";
constexpr std::string_view end_mark = "<!-- End of the table. -->\n";
constexpr std::string_view header =
    "| Mistake | The server logs | The client logs |\n|---|---|---|\n";

std::filesystem::path page_path() {
  return std::filesystem::path(RATHOLE_SOURCES) / "docs/troubleshooting.md";
}

/// The parts of a page: before its table, the table, and after it.
struct page_parts {
  std::string before;
  std::string table;
  std::string behind;
};

page_parts split(const std::string& page) {
  const auto begin = page.find(begin_mark);
  const auto end = page.find(end_mark);
  REQUIRE(begin != page.npos);
  REQUIRE(end != page.npos);
  const auto first = begin + begin_mark.size();
  return {page.substr(0, first), page.substr(first, end - first), page.substr(end)};
}

/// Describes one side of a misconfiguration: its file except the addresses.
struct side_text {
  std::string keys = {};
  std::string transport = {};
  /// The keys of its one service, and the service's name and token.
  std::string service = {};
  std::string name = "web";
  std::string token = std::string(default_token);
};

/// Describes a row of the table. In the texts, PROXY is the port of a SOCKS5 proxy, and BUSY a port
/// that another program listens on.
struct misconfiguration {
  std::string title;
  std::vector<std::string> features = {};
  side_text server = {};
  side_text client = {};
  /// Text in the line of each side that is shown; empty if the side logs nothing.
  std::string server_line = "Failed to handshake";
  std::string client_line = "Failed to run the control channel";
  /// Where the client dials the server.
  std::string host = "127.0.0.1";
  /// `bind_addr` of the server and of its service, in quotes, if they are not free ports.
  std::string bind = {};
  std::string service_bind = {};
  bool has_server = true;
  /// How many clients are started with this configuration.
  int clients = 1;
  /// A visitor connects repeatedly until both sides have logged something.
  bool is_visited = false;
  /// The program that runs the server.
  std::vector<std::string> run_by = {};
};

/// The ports that the texts name.
struct known_ports {
  std::uint16_t proxy;
  std::uint16_t busy;
};

/// Returns a log line without what differs between runs.
std::string plain(std::string line, std::uint16_t server_port, std::uint16_t service_port,
                  const known_ports& known) {
  line = std::regex_replace(line, std::regex("^.*rathole::(server|client): "), "");
  const auto place = [&](std::uint16_t port, const char* shown) {
    line = std::regex_replace(line, std::regex(":" + std::to_string(port) + "\\b"), shown);
  };
  place(server_port, ":2333");
  place(service_port, ":8080");
  place(known.proxy, ":1080");
  place(known.busy, ":2333");
  line = std::regex_replace(line, std::regex(":[3-6][0-9]{4}\\b"), ":40000");
  line = std::regex_replace(line, std::regex("[0-9a-f]{64}"), "(digest)");
  line = std::regex_replace(line, std::regex("\\. Retry in [0-9.ms]+\\.\\.\\."), "");
  line = std::regex_replace(line, std::regex(" \\([0-9]+ more before\\)"), "");
  return line;
}

/// Returns the first line of a side's log at the level info or above that contains `text`.
std::optional<std::string> line_with(const process& side, const std::string& text) {
  for (const std::string& line : lines(side.output())) {
    const bool is_seen = line.find(" WARN ") != line.npos || line.find("ERROR ") != line.npos ||
                         line.starts_with("Error: ");
    if (is_seen && line.find(text) != line.npos) return line;
  }
  return std::nullopt;
}

std::string cell(const std::optional<std::string>& line) {
  return line ? "`` " + *line + " ``" : std::string("nothing");
}

std::string with_ports(std::string text, const known_ports& at) {
  text = std::regex_replace(text, std::regex("PROXY"), std::to_string(at.proxy));
  return std::regex_replace(text, std::regex("BUSY"), std::to_string(at.busy));
}

void visit(std::uint16_t port) {
  try {
    tcp_socket::connect(port).receive_all();
  } catch (const std::exception&) {
    // Nothing listens yet, or the connection was reset, as expected.
  }
}

std::unique_ptr<process> start_server(const misconfiguration& what, const std::string& file) {
  if (what.run_by.empty()) {
    return std::make_unique<process>(our_program(), std::vector<std::string>{file});
  }
  std::vector<std::string> arguments(what.run_by.begin() + 1, what.run_by.end());
  arguments.insert(arguments.end(), {our_program(), file});
  return std::make_unique<process>(tool(what.run_by.front()), arguments);
}

/// Runs both sides of a misconfiguration and returns its row.
std::string row_of(const misconfiguration& what, const known_ports& known) {
  const temp_dir folder;
  const reserved_port port;
  const reserved_port visitors;
  const side_text& here = what.server;
  const side_text& there = what.client;
  const service_entry offered{here.name, visitors, here.token, here.service,
                              with_ports(what.service_bind, known)};
  const service_entry served{there.name, 9, there.token, there.service};
  const std::string server_file = folder.write(
      "server.toml",
      server_toml(port, {offered}, here.keys, here.transport, with_ports(what.bind, known)));
  const std::string client_file = folder.write(
      "client.toml",
      client_toml(port, {served}, there.keys, with_ports(there.transport, known), what.host));
  std::unique_ptr<process> server;
  if (what.has_server) server = start_server(what, server_file);
  const bool listens = server && what.bind.empty();
  if (listens) REQUIRE(server->wait_for("Listening at"));
  std::vector<std::unique_ptr<process>> clients;
  for (int i = 0; i < what.clients; ++i) {
    clients.push_back(
        std::make_unique<process>(our_program(), std::vector<std::string>{client_file}));
  }
  process* const client = clients.empty() ? nullptr : clients.front().get();
  const auto has_sent = [](const process* side, const std::string& text) {
    return side == nullptr || text.empty() || line_with(*side, text);
  };
  const bool all_logged = eventually([&] {
    if (what.is_visited) visit(visitors);
    return has_sent(server.get(), what.server_line) && has_sent(client, what.client_line);
  });
  INFO(what.title);
  INFO((server ? server->output() : std::string()));
  INFO((client ? client->output() : std::string()));
  CHECK(all_logged);
  const auto shown = [&](const process* side,
                         const std::string& text) -> std::optional<std::string> {
    if (side == nullptr || text.empty()) return std::nullopt;
    const auto line = line_with(*side, text);
    return line ? std::optional(plain(*line, port, visitors, known)) : std::nullopt;
  };
  return "| " + what.title + " | " + cell(shown(server.get(), what.server_line)) + " | " +
         cell(shown(client, what.client_line)) + " |\n";
}

/// The identity of the servers, and Noise keys.
struct material {
  test::authority authority;
  identity_files identity = authority.issue();
  identity_files other_name = authority.issue({.names = "DNS:other.example"});
  test::authority stranger;

  struct key_pair {
    std::string secret;
    std::string open;
  };
  key_pair first = make_keys();
  key_pair second = make_keys();

  static key_pair make_keys() {
    const auto printed = lines(run_program({"--genkey"}).out);
    return {printed.at(1), printed.at(3)};
  }
};

std::string server_tls(const identity_files& id) {
  return "[server.transport]\ntype = \"tls\"\ntls = {cert = \"" + id.certificate + "\", key = \"" +
         id.key + "\"}\n";
}
std::string client_tls(const std::string& root) {
  return "[client.transport]\ntype = \"tls\"\ntls = {trusted_root = \"" + root +
         "\", trusted_root_only = true}\n";
}
std::string noise_table(const char* block, const std::string& keys) {
  return std::string("[") + block + ".transport]\ntype = \"noise\"\nnoise = {" + keys + "}\n";
}
std::string websocket_table(const char* block, const std::string& keys) {
  return std::string("[") + block + ".transport]\ntype = \"websocket\"\nwebsocket = {" + keys +
         "}\n";
}

/// Returns every pair of different transports.
void add_transports(std::vector<misconfiguration>& all, const material& with) {
  struct end {
    const char* type;
    std::string server;
    std::string client;
  };
  const end ends[] = {
      {"tcp", "", ""},
      {"tls", server_tls(with.identity), client_tls(with.authority.root())},
      {"noise", noise_table("server", "local_private_key = \"" + with.first.secret + '"'),
       noise_table("client", "remote_public_key = \"" + with.first.open + '"')},
      {"websocket", websocket_table("server", "tls = false"),
       websocket_table("client", "tls = false")},
  };
  for (const end& server : ends) {
    for (const end& client : ends) {
      if (&server == &client) continue;
      misconfiguration& one = all.emplace_back();
      one.title = std::string("`transport.type`: server `") + server.type + "`, client `" +
                  client.type + '`';
      for (const end* each : {&server, &client}) {
        if (each != &ends[0]) one.features.emplace_back(each->type);
      }
      one.server.transport = server.server;
      one.client.transport = client.client;
      one.host = "localhost";
    }
  }
}

std::vector<misconfiguration> all_misconfigurations(const material& with) {
  std::vector<misconfiguration> all;
  add_transports(all, with);
  const auto add = [&all](const char* title,
                          std::vector<std::string> features) -> misconfiguration& {
    misconfiguration& added = all.emplace_back();
    added.title = title;
    added.features = std::move(features);
    return added;
  };
  const std::string server_key = "local_private_key = \"" + with.first.secret + '"';
  const std::string client_key = "remote_public_key = \"" + with.first.open + '"';
  {
    misconfiguration& one =
        add("`websocket.tls`: server `true`, client `false`", {"tls", "websocket"});
    one.server.transport = websocket_table("server", "tls = true") + "tls = {cert = \"" +
                           with.identity.certificate + "\", key = \"" + with.identity.key + "\"}\n";
    one.client.transport = websocket_table("client", "tls = false");
  }
  {
    misconfiguration& one =
        add("`websocket.tls`: server `false`, client `true`", {"tls", "websocket"});
    one.server.transport = websocket_table("server", "tls = false");
    one.client.transport = websocket_table("client", "tls = true") + "tls = {trusted_root = \"" +
                           with.authority.root() + "\", trusted_root_only = true}\n";
    one.host = "localhost";
  }
  {
    misconfiguration& one = add("`websocket.path` differs", {"websocket"});
    one.server.transport = websocket_table("server", "tls = false, path = \"/tunnel\"");
    one.client.transport = websocket_table("client", "tls = false, path = \"/tunel\"");
  }
  {
    misconfiguration& one = add("`noise.remote_public_key` is not the server's", {"noise"});
    one.server.transport = noise_table("server", server_key);
    one.client.transport = noise_table("client", "remote_public_key = \"" + with.second.open + '"');
  }
  {
    misconfiguration& one = add("`noise.pattern` differs", {"noise"});
    one.server.transport = noise_table("server", server_key);
    one.client.transport =
        noise_table("client", client_key + ", pattern = \"Noise_NK_25519_AESGCM_SHA256\"");
  }
  {
    misconfiguration& one = add("The certificate is for another name than `remote_addr`", {"tls"});
    one.server.transport = server_tls(with.other_name);
    one.client.transport = client_tls(with.authority.root());
    one.host = "localhost";
  }
  {
    misconfiguration& one = add("`tls.trusted_root` is not the issuer's", {"tls"});
    one.server.transport = server_tls(with.identity);
    one.client.transport = client_tls(with.stranger.root());
    one.host = "localhost";
  }
  {
    misconfiguration& one = add("The proxy is not running", {});
    one.client.transport =
        "[client.transport]\ntype = \"tcp\"\ntcp = {proxy = \"socks5://127.0.0.1:9\"}\n";
    one.server_line.clear();
  }
  {
    misconfiguration& one = add("The proxy refuses the connection", {});
    one.client.transport =
        "[client.transport]\ntype = \"tcp\"\ntcp = {proxy = \"socks5://127.0.0.1:PROXY\"}\n";
    one.has_server = false;
  }
  {
    misconfiguration& one = add("The token differs", {});
    one.client.token = "another one";
    one.server_line = "failed the authentication";
  }
  {
    misconfiguration& one = add("The server does not have the service", {});
    one.client.name = "wep";
    one.server_line = "No such a service";
  }
  {
    misconfiguration& one = add("Two clients have one configuration", {});
    one.clients = 2;
    one.server_line = "Dropping previous control channel";
    one.client_line = "another client";
  }
  {
    misconfiguration& one = add("`type` of the service: server `udp`, client `tcp`", {});
    one.server.service = "type = \"udp\"";
    one.server_line = "every UDP data channel";
    one.client_line = "Failed to run the data channel";
  }
  {
    misconfiguration& one = add("`type` of the service: server `tcp`, client `udp`", {});
    one.client.service = "type = \"udp\"";
    one.server_line = "every visitor";
    one.client_line = "Failed to run the data channel";
    one.is_visited = true;
  }
  {
    misconfiguration& one =
        add("`heartbeat_timeout` is below the server's `heartbeat_interval`", {});
    one.client.keys = "heartbeat_timeout = 1";
    one.server_line = "heartbeat";
    one.client_line = "Heartbeat timed out";
  }
  {
    misconfiguration& one = add("The local service is not running", {});
    one.server_line = "every visitor";
    one.client_line = "Failed to run the data channel";
    one.is_visited = true;
  }
  {
    misconfiguration& one = add("The server is not running", {});
    one.has_server = false;
  }
  const auto add_listener = [&add](const char* title, const char* bind) -> misconfiguration& {
    misconfiguration& one = add(title, {});
    one.bind = bind;
    one.server_line = "Error: Failed to listen";
    one.clients = 0;
    return one;
  };
  add_listener("Another program listens at `server.bind_addr`", "\"127.0.0.1:BUSY\"");
  add_listener("`server.bind_addr` is not an address of the machine", "\"192.0.2.1:2333\"");
  add_listener("Port 80 without the right", "\"0.0.0.0:80\"").run_by = {
      "unshare", "-rn", "setpriv", "--bounding-set=-net_bind_service"};
  {
    misconfiguration& one = add("Another program listens at `bind_addr` of the service", {});
    one.service_bind = "\"127.0.0.1:BUSY\"";
    one.server_line = "Failed to listen";
    one.client_line.clear();
  }
  return all;
}

}  // namespace

TEST_CASE("troubleshooting: both sides log each mistake as the page shows") {
  const material with;
  const microsocks proxy;
  const tcp_socket busy = tcp_socket::listen();
  const known_ports known{proxy.port(), busy.port()};
  const page_parts page = split(file_text(page_path()));
  const bool writes = std::getenv("RATHOLE_WRITE_TABLES") != nullptr;
  std::string table(header);
  std::size_t rows = 0;
  for (const misconfiguration& each : all_misconfigurations(with)) {
    const auto is_there = [](const std::string& feature) { return has_feature(feature); };
    if (!std::ranges::all_of(each.features, is_there)) continue;
    const std::string row = row_of(each, known);
    table += row;
    ++rows;
    CAPTURE(each.title);
    if (!writes) CHECK_MESSAGE(page.table.find(row) != page.table.npos, row);
  }
  if (writes) std::ofstream(page_path()) << page.before << table << page.behind;
  CHECK(rows >= 15);
  const bool is_whole = has_feature("tls") && has_feature("noise") && has_feature("websocket");
  if (is_whole && !writes) CHECK(page.table == table);
}

}  // namespace rathole::test
