// A tunnel inside one program: visitors of 127.0.0.1:5202 reach the service at 127.0.0.1:80. Usually
// the two halves are in two programs: the server on a host with a public address, the client where
// the service is.

#include <rathole/rathole.hpp>

#include <asio/io_context.hpp>

#include <cstdio>

int main() {
  asio::io_context context(1);
  rathole::transport::tcp tunnel{rathole::io::asio_runtime(context)};
  rathole::null_observer quiet;
  const rathole::secret token("a secret that both sides know");

  rathole::config::server public_side;
  public_side.bind_addr = {"127.0.0.1", 2333};
  public_side.services = {{.name = "web", .bind_addr = {"127.0.0.1", 5202}, .token = token}};
  rathole::server_side::basic_server server(tunnel, public_side, quiet);
  server.async_run([](std::error_code ec) {
    if (ec) std::printf("The server cannot listen: %s\n", ec.message().c_str());
  });

  rathole::config::client hidden_side;
  hidden_side.remote_addr = {"127.0.0.1", 2333};
  hidden_side.services = {{.name = "web", .local_addr = {"127.0.0.1", 80}, .token = token}};
  rathole::client_side::basic_client client(tunnel, hidden_side, quiet);
  client.async_run([](std::error_code) {});

  context.run();
}
