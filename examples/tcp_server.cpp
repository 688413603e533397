// The smallest server: one service over plain TCP, without configuration files and logs. It links
// no library but those of C and C++.
//
//   RATHOLE_TOKEN=secret tcp_server 0.0.0.0:2333 web 0.0.0.0:5202

#include <rathole/server.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <system_error>

// [observer]
struct reporter {
  void on(const rathole::server::listening& e) {
    std::printf("Clients connect to %s.\n", rathole::to_string(e.at).c_str());
  }
  void on(const rathole::server::service_listening& e) {
    std::printf("Visitors connect to %s.\n", rathole::to_string(e.at).c_str());
  }
  void on(const rathole::server::control_channel_closed&) { std::puts("The client is gone."); }
};
// [observer end]

int main(int argc, char** argv) {
  // Not an argument: those are shown to every user of the machine.
  const char* token = std::getenv("RATHOLE_TOKEN");
  if (argc != 4 || token == nullptr) {
    std::fputs("usage: RATHOLE_TOKEN=<token> tcp_server <clients> <service> <visitors>\n", stderr);
    return 2;
  }
  rathole::config::server settings;
  settings.bind_addr = argv[1];
  settings.services = {{.name = argv[2], .bind_addr = argv[3], .token = rathole::secret(token)}};

  std::signal(SIGPIPE, SIG_IGN);  // connections are spliced only where SIGPIPE is ignored
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  asio::io_context context(1);
  reporter observer;
  rathole::server server(context, settings, observer);
  asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code ec, int) {
    server.close();
    if (!ec) signals.async_wait([&](std::error_code, int) { server.shutdown(); });
  });
  int status = 0;
  server.async_run([&](std::error_code ec) {
    if (ec) std::fprintf(stderr, "%s\n", server.explain(ec).c_str());
    status = ec ? 1 : 0;
    signals.cancel();
  });
  context.run();
  return status;
}
