// The smallest client: one service over plain TCP, without configuration files and logs. It links
// no library but those of C and C++.
//
//   RATHOLE_TOKEN=secret tcp_client example.com:2333 web 127.0.0.1:80

#include <rathole/client.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <system_error>

struct reporter {
  void on(const rathole::client::control_channel_established&) { std::puts("Connected."); }
  void on(const rathole::client::control_channel_failed& e) {
    std::printf("Not connected: %s\n", e.error.message().c_str());
  }
};

int main(int argc, char** argv) {
  // Not an argument: those are shown to every user of the machine.
  const char* token = std::getenv("RATHOLE_TOKEN");
  if (argc != 4 || token == nullptr) {
    std::fputs("usage: RATHOLE_TOKEN=<token> tcp_client <server> <service> <local>\n", stderr);
    return 2;
  }
  rathole::config::client settings;
  settings.remote_addr = argv[1];

  std::signal(SIGPIPE, SIG_IGN);  // connections are spliced only where SIGPIPE is ignored
  asio::io_context context(1);
  reporter observer;
  rathole::client client(context, settings, observer);
  client.forward(argv[2], rathole::secret(token), argv[3]);
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
}
