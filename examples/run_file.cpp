// Runs a configuration file, with a server, a client or both in it, beside work of the program's
// own in one io_context: here a timer. SIGINT and SIGTERM stop it.
//
//   run_file rathole.toml

#include <rathole/client.hpp>
#include <rathole/config/load.hpp>
#include <rathole/server.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <vector>

void print(const std::vector<rathole::config::problem>& problems) {
  for (const auto& each : problems) std::fprintf(stderr, "%s\n", to_string(each).c_str());
}

void count_seconds(asio::steady_timer& timer, int done) {
  timer.expires_after(std::chrono::seconds(1));
  timer.async_wait([&timer, done](std::error_code ec) {
    if (ec) return;
    std::printf("%d s\n", done + 1);
    count_seconds(timer, done + 1);
  });
}

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  // [run]
  auto file = rathole::config::load(argc == 2 ? argv[1] : "");
  if (!file) return print(file.error()), EXIT_FAILURE;

  asio::io_context context(1);
  asio::signal_set signals(context, SIGINT, SIGTERM);
  asio::steady_timer timer(context);
  std::optional<rathole::server> server;
  std::optional<rathole::client> client;
  int status = EXIT_SUCCESS;
  const auto ended = [&](std::error_code ec) {
    if (ec) std::fprintf(stderr, "%s\n", ec.message().c_str());
    if (ec) status = EXIT_FAILURE;
    if (server) print(server->problems());
    if (client) print(client->problems());
    signals.cancel();
  };
  if (file->server) server.emplace(context, *file->server).async_run(ended);
  if (file->client) client.emplace(context, *file->client).async_run(ended);
  signals.async_wait([&](std::error_code, int) {
    if (client) client->close();
    if (server) server->close();
    timer.cancel();
  });
  count_seconds(timer, 0);
  context.run();
  return status;
  // [run end]
}
