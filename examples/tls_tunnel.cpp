// Both ends of a tunnel over TLS in one program; usually they are on two hosts. The client trusts
// the authority of ca.pem, and the server's certificate is for the host in the first argument.
//
//   RATHOLE_TOKEN=secret tls_tunnel localhost:2333 127.0.0.1:5202 127.0.0.1:80
//       server.pem server.key ca.pem

#include <rathole/client.hpp>
#include <rathole/server.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <vector>

namespace config = rathole::config;

int main(int argc, char** argv) {
  const char* token = std::getenv("RATHOLE_TOKEN");
  const auto server_address = rathole::parse_address(argc == 7 ? argv[1] : "");
  const auto visitors = rathole::parse_address(argc == 7 ? argv[2] : "");
  const auto local = rathole::parse_address(argc == 7 ? argv[3] : "");
  if (!server_address || !visitors || !local || token == nullptr) return 2;
  // [settings]
  config::server offered;
  offered.bind_addr = *server_address;
  offered.services = {{.name = "web", .bind_addr = *visitors, .token = rathole::secret(token)}};
  offered.transport.kind = config::transport_kind::tls;
  offered.transport.tls = {.cert = argv[4], .key = argv[5]};

  config::client served;
  served.remote_addr = *server_address;
  served.services = {{.name = "web", .local_addr = *local, .token = rathole::secret(token)}};
  served.transport.kind = config::transport_kind::tls;
  served.transport.tls = {.trusted_root = argv[6], .trusted_root_only = true};
  // [settings end]
  asio::io_context context(1);
  rathole::server server(context, offered);
  rathole::client client(context, served);
  asio::signal_set signals(context, SIGINT, SIGTERM);
  const auto close = [&](std::error_code, int) {
    client.close();
    server.close();
  };
  signals.async_wait(close);
  // [run]
  int status = 0;
  const auto report = [&](std::error_code ec, const std::vector<config::problem>& problems) {
    if (ec) std::fprintf(stderr, "%s\n", ec.message().c_str());
    for (const auto& each : problems) std::fprintf(stderr, "%s\n", to_string(each).c_str());
    if (ec) status = 1;
    signals.cancel();
  };
  server.async_run([&](std::error_code ec) { report(ec, server.problems()); });
  client.async_run([&](std::error_code ec) { report(ec, client.problems()); });
  context.run();
  return status;
  // [run end]
}
