// The examples as programs: each is run, visited and ended.

#include "../support/authority.hpp"
#include "../support/config_text.hpp"
#include "../support/eventually.hpp"
#include "../support/example_program.hpp"
#include "../support/net.hpp"
#include "../support/our_program.hpp"
#include "../support/process.hpp"
#include "../support/services.hpp"
#include "../support/temp_dir.hpp"
#include "../support/transport_tables.hpp"
#include "../support/udp.hpp"
#include "../support/visitors.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace rathole::test {
namespace {

const std::vector<std::string> token{"RATHOLE_TOKEN=" + std::string(default_token)};

std::string at(std::uint16_t port, const std::string& host = "127.0.0.1") {
  return host + ":" + std::to_string(port);
}

/// Returns what the web service behind `port` sends for a request.
std::string fetch(std::uint16_t port) {
  try {
    auto visitor = tcp_socket::try_connect(port, std::chrono::seconds{2});
    if (!visitor) return {};
    visitor->send_all("GET /page HTTP/1.1\r\nHost: example\r\n\r\n");
    return visitor->receive_all();
  } catch (const std::system_error&) {
    return {};
  }
}

constexpr std::string_view expected_page = "\r\n\r\nYou asked: GET /page HTTP/1.1\n";

/// Runs the program as a server with the service `web`.
class web_server {
 public:
  explicit web_server(const std::string& tables = {})
      : file_(
            folder_.write("server.toml", server_toml(clients_, {{"web", visitors_}}, {}, tables))),
        program_(our_program(), {file_}) {}

  std::uint16_t clients() const { return clients_; }
  std::uint16_t visitors() const { return visitors_; }
  std::string output() const { return program_.output(); }

 private:
  temp_dir folder_;
  reserved_port clients_;
  reserved_port visitors_;
  std::string file_;
  process program_;
};

/// Ends `program` by SIGTERM, which it must survive until it has ended in order.
void check_end(process& program) {
  program.signal(SIGTERM);
  CHECK(program.wait_exit() == 0);
}

/// Checks that the web service that is `program` is reached through `server`.
void check_page(const web_server& server, process& program) {
  INFO(program.output());
  INFO(server.output());
  std::string page;
  const auto arrives = [&] {
    page = fetch(server.visitors());
    return !page.empty();
  };
  CHECK(eventually(arrives));
  CHECK(page.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(page.ends_with(expected_page));
  check_end(program);
}

/// Checks that an echo service is reached at `port`.
void check_echo(std::uint16_t port, process& program) {
  INFO(program.output());
  CHECK(eventually([&] { return round_trip(port); }));
}

}  // namespace

TEST_CASE("example: a web service with coroutines behind TLS") {
  if (!has_feature("tls")) {
    MESSAGE("without TLS, which is not built in");
    return;
  }
  authority issuer;
  const web_server server(table_text("server", "tls", pem_keys(issuer.issue())));
  process program(example_program("http_service"),
                  {at(server.clients(), "localhost"), "web", issuer.root()}, token);
  check_page(server, program);
}

TEST_CASE("example: a web service behind TLS says what is wrong with its certificates") {
  if (!has_feature("tls")) {
    MESSAGE("without TLS, which is not built in");
    return;
  }
  process program(example_program("http_service"), {"localhost:1", "web", "/no/such/file"}, token);
  CHECK(program.wait_exit().has_value());
  CHECK(program.output().find("/no/such/file") != std::string::npos);
}

TEST_CASE("example: a web service with callbacks") {
  const web_server server;
  process program(example_program("http_service_callbacks"), {at(server.clients()), "web"}, token);
  check_page(server, program);
}

TEST_CASE("example: a web service with futures") {
  const web_server server;
  process program(example_program("http_service_futures"), {at(server.clients()), "web"}, token);
  check_page(server, program);
}

TEST_CASE("example: a UDP echo in the program itself") {
  const temp_dir folder;
  const reserved_port clients;
  const std::string file = folder.write(
      "server.toml", server_toml(clients, {{.name = "echo", .keys = "type = \"udp\""}}));
  process server(our_program(), {file});
  process program(example_program("udp_echo"), {at(clients), "echo"}, token);
  INFO(program.output());
  // The second one is that of the visitors, which there is once the client serves them.
  REQUIRE(eventually([&] { return listening_ports(server.output()).size() == 2; }));
  udp_socket visitor;
  visitor.connect(listening_ports(server.output()).back());
  const auto returned = [&] {
    visitor.send("hello");
    return visitor.receive(std::chrono::seconds{1}) == "hello";
  };
  CHECK(eventually(returned));
}

TEST_CASE("example: both ends of a TLS tunnel in one program") {
  if (!has_feature("tls")) {
    MESSAGE("without TLS, which is not built in");
    return;
  }
  authority issuer;
  const identity_files identity = issuer.issue();
  const reserved_port clients;
  const reserved_port visitors;
  const service local(echo);
  process program(example_program("tls_tunnel"),
                  {at(clients, "localhost"), at(visitors), at(local.port()), identity.certificate,
                   identity.key, issuer.root()},
                  token);
  check_echo(visitors, program);
  check_end(program);
}

TEST_CASE("example: the smallest server and client") {
  const reserved_port clients;
  const reserved_port visitors;
  const service local(echo);
  process server(example_program("tcp_server"), {at(clients), "web", at(visitors)}, token);
  process client(example_program("tcp_client"), {at(clients), "web", at(local.port())}, token);
  check_echo(visitors, client);
  check_end(client);
  CHECK(server.wait_for("The client is gone."));
  check_end(server);
}

TEST_CASE("example: a file with both ends runs beside a timer") {
  const temp_dir folder;
  const reserved_port clients;
  const reserved_port visitors;
  const service local(echo);
  const std::string file =
      folder.write("both.toml", server_toml(clients, {{"web", visitors}}) +
                                    client_toml(clients, {{"web", local.port()}}));
  process program(example_program("run_file"), {file});
  check_echo(visitors, program);
  CHECK(program.wait_for("1 s\n"));
  check_end(program);
  process wrong(example_program("run_file"), {folder.write("wrong.toml", "[server]\nx = 1\n")});
  CHECK(wrong.wait_exit() == 1);
  CHECK(wrong.output().find("wrong.toml:") != std::string::npos);
}

TEST_CASE("example: a client is changed while it runs, and logs the bytes of its visitors") {
  const web_server server;
  const web_server other;
  const service first(greet("first "));
  const service second(greet("second "));
  const temp_dir folder;
  const std::string pipe = (folder.path() / "commands").string();
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  process program("/bin/sh",
                  {"-c", "exec \"$0\" \"$1\" < \"$2\"", example_program("reconfigured_client"),
                   at(server.clients()), pipe},
                  token);
  // Returns once the program opens the pipe.
  const int commands = ::open(pipe.c_str(), O_WRONLY | O_CLOEXEC);
  REQUIRE(commands >= 0);
  const auto command = [&](const std::string& line) {
    CHECK(::write(commands, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
  };
  const auto reaches = [](const web_server& at_server, const std::string& greeting) {
    return eventually([&] { return round_trip(at_server.visitors(), "12345", greeting); });
  };
  command("forward web " + at(first.port()) + "\n");
  CHECK(reaches(server, "first "));
  CHECK(program.wait_for("web: a visitor sent 5 bytes and received 11\n"));
  command("retarget web " + at(second.port()) + "\n");
  CHECK(reaches(server, "second "));
  command("server " + at(other.clients()) + "\n");
  CHECK(reaches(other, "second "));
  command("close web\n");
  CHECK(eventually([&] { return refused(other.visitors()); }));
  ::close(commands);
  INFO(program.output());
  CHECK(program.wait_exit() == 0);
}

TEST_CASE("example: custom layer: a client without it is rejected") {
  const reserved_port clients;
  const reserved_port visitors;
  const service local(echo);
  process program(example_program("custom_layer"), {at(clients), at(visitors), at(local.port())});
  check_echo(visitors, program);
  const temp_dir folder;
  process plain(our_program(), {folder.write("c.toml", client_toml(clients, {{"web", 1}}))});
  CHECK(plain.wait_for("Failed to run the control channel"));
  check_end(program);
}

TEST_CASE("example: custom codec and random source; a client without the codec is rejected") {
  const reserved_port clients;
  const reserved_port visitors;
  const service local(echo);
  process program(example_program("custom_codec"), {at(clients), at(visitors), at(local.port())});
  check_echo(visitors, program);
  const temp_dir folder;
  process plain(our_program(), {folder.write("c.toml", client_toml(clients, {{"web", 1}}))});
  CHECK(plain.wait_for("Failed to run the control channel"));
  check_end(program);
}

TEST_CASE("example: custom transport over a Unix-domain socket") {
  const reserved_port visitors;
  const service local(echo);
  const temp_dir folder;
  const std::string socket_path = (folder.path() / "tunnel.sock").string();
  process program(example_program("unix_transport"), {socket_path, at(visitors), at(local.port())});
  check_echo(visitors, program);
  CHECK(::access(socket_path.c_str(), F_OK) == 0);
  check_end(program);
}

TEST_CASE("example: counters in the text format of Prometheus, on SIGUSR1 and at the end") {
  const reserved_port clients;
  const reserved_port visitors;
  const service local(echo);
  process server(example_program("metrics_observer"), {at(clients), at(visitors)}, token);
  process client(example_program("tcp_client"), {at(clients), "web", at(local.port())}, token);
  REQUIRE(eventually([&] { return round_trip(visitors, "12345", {}, test_timeout); }));
  INFO(server.output());
  const auto reported = [&] {
    server.signal(SIGUSR1);
    return server.output().find("\nrathole_connections_total 1\n") != std::string::npos;
  };
  CHECK(eventually(reported));
  check_end(server);
  const std::string text = server.output();
  CHECK(text.find("\nrathole_received_bytes_total 5\n") != std::string::npos);
  CHECK(text.find("\nrathole_sent_bytes_total 5\n") != std::string::npos);
  CHECK(text.ends_with("rathole_sent_bytes_total 5\n"));
  check_end(client);
}

}  // namespace rathole::test
