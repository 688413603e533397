// A UDP service in the program itself: every datagram of a visitor is sent back to it. The client
// opens no local port.
//
//   RATHOLE_TOKEN=secret udp_echo example.com:2333 echo

#include <rathole/client.hpp>

#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>
#include <asio/use_awaitable.hpp>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <system_error>
#include <utility>
#include <vector>

// [echo]
asio::awaitable<void> echo(rathole::datagram_listener service) {
  std::vector<char> room(65'507);
  for (;;) {
    asio::ip::udp::endpoint visitor;
    const std::size_t size =
        co_await service.async_receive_from(asio::buffer(room), visitor, asio::use_awaitable);
    co_await service.async_send_to(asio::buffer(room.data(), size), visitor, asio::use_awaitable);
  }
}
// [echo end]

int main(int argc, char** argv) {
  const char* token = std::getenv("RATHOLE_TOKEN");
  if (argc != 3 || token == nullptr) {
    std::fputs("usage: RATHOLE_TOKEN=<token> udp_echo <server> <service>\n", stderr);
    return 2;
  }
  rathole::config::client settings;
  settings.remote_addr = argv[1];

  asio::io_context context(1);
  rathole::client client(context, settings);
  asio::co_spawn(context, echo(client.listen_datagrams(argv[2], rathole::secret(token))),
                 [](std::exception_ptr) {});
  client.async_run([&](std::error_code ec) {
    if (ec) std::fprintf(stderr, "%s\n", client.explain(ec).c_str());
  });
  context.run();
}
