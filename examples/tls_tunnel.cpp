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

namespace config = rathole::config;

int main(int argc, char** argv) {
  const char* token = std::getenv("RATHOLE_TOKEN");
  if (argc != 7 || token == nullptr) return 2;
  // [settings]
  config::server offered;
  offered.bind_addr = argv[1];
  offered.services = {{.name = "web", .bind_addr = argv[2], .token = rathole::secret(token)}};
  offered.transport = config::tls{.cert = argv[4], .key = argv[5]};

  config::client served;
  served.remote_addr = argv[1];
  served.services = {{.name = "web", .local_addr = argv[3], .token = rathole::secret(token)}};
  served.transport = config::tls{.trusted_root = argv[6], .trusted_root_only = true};
  // [settings end]
  // [run]
  asio::io_context context(1);
  rathole::server server(context, offered);
  rathole::client client(context, served);
  asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code ec, int) {
    client.close(), server.close();
    if (ec) return;
    signals.async_wait([&](std::error_code, int) { client.shutdown(), server.shutdown(); });
  });
  int running = 2, status = 0;
  const auto ended = [&](std::error_code ec, const auto& end) {
    if (ec) std::fprintf(stderr, "%s\n", end.explain(ec).c_str());
    if (ec) status = 1;
    if (ec || --running == 0) signals.cancel();
  };
  server.async_run([&](std::error_code ec) { ended(ec, server); });
  client.async_run([&](std::error_code ec) { ended(ec, client); });
  context.run();
  return status;
  // [run end]
}
