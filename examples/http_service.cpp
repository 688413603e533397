// A web service in this program, behind a tunnel over TLS. The server's visitors reach it, and it
// has no port on this machine.
//
//   RATHOLE_TOKEN=secret http_service example.com:2333 web ca.pem

#include <rathole/client.hpp>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/read_until.hpp>
#include <asio/signal_set.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

// [serve]
asio::awaitable<void> serve(rathole::stream visitor) {
  std::string request;
  auto room = asio::dynamic_buffer(request, 8192);
  co_await asio::async_read_until(visitor, room, "\r\n\r\n", asio::use_awaitable);
  const std::string page = "You asked: " + request.substr(0, request.find('\r')) + "\n";
  const std::string reply =
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(page.size()) +
      "\r\n\r\n" + page;
  co_await asio::async_write(visitor, asio::buffer(reply), asio::use_awaitable);
}

asio::awaitable<void> accept(rathole::listener& web) {
  for (;;) {
    rathole::stream visitor = co_await web.async_accept(asio::use_awaitable);
    asio::co_spawn(web.get_executor(), serve(std::move(visitor)), asio::detached);
  }
}
// [serve end]

int main(int argc, char** argv) {
  const char* token = std::getenv("RATHOLE_TOKEN");
  if (argc != 4 || token == nullptr) return 2;
  // [settings]
  rathole::config::client settings;
  settings.remote_addr = argv[1];
  settings.transport = rathole::config::tls{.trusted_root = argv[3]};
  // [settings end]
  // [run]
  asio::io_context context(1);
  rathole::client client(context, settings);
  rathole::listener web = client.listen(argv[2], rathole::secret(token));
  asio::co_spawn(context, accept(web), asio::detached);
  asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code ec, int) {
    client.close();
    if (!ec) signals.async_wait([&](std::error_code, int) { client.shutdown(); });
  });
  client.async_run([&](std::error_code ec) {
    if (ec) std::fprintf(stderr, "%s\n", client.explain(ec).c_str());
    signals.cancel();
  });
  context.run();
  // [run end]
}
