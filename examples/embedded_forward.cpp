// A tunnel inside one program: visitors of 127.0.0.1:5202 reach the service at 127.0.0.1:80. Usually
// the two halves are in two programs: the server on a host with a public address, the client where
// the service is.

#include <rathole/client.hpp>
#include <rathole/server.hpp>

#include <asio/io_context.hpp>

#include <cstdio>
#include <system_error>

int main() {
  asio::io_context context(1);
  const rathole::secret token("a secret that both sides know");

  rathole::config::server public_side;
  public_side.bind_addr = "127.0.0.1:2333";
  public_side.services = {{.name = "web", .bind_addr = "127.0.0.1:5202", .token = token}};
  rathole::server server(context, public_side);
  server.async_run([&](std::error_code ec) {
    if (ec) std::printf("The server cannot run: %s\n", server.explain(ec).c_str());
  });

  rathole::config::client hidden_side;
  hidden_side.remote_addr = "127.0.0.1:2333";
  rathole::client client(context, hidden_side);
  client.forward("web", token, "127.0.0.1:80");
  client.async_run([&](std::error_code ec) {
    if (ec) std::printf("The client cannot run: %s\n", client.explain(ec).c_str());
  });

  context.run();
}
