// Runs a configuration file, with a server, a client or both in it, beside work of the program's
// own in one io_context: here a timer. SIGINT and SIGTERM stop it.
//
//   run_file rathole.toml

#include <rathole/client.hpp>
#include <rathole/config/load.hpp>
#include <rathole/server.hpp>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <system_error>

asio::awaitable<void> count_seconds(asio::steady_timer& timer) {
  for (int count = 1;; ++count) {
    timer.expires_after(std::chrono::seconds(1));
    co_await timer.async_wait(asio::use_awaitable);
    std::printf("%d s\n", count);
  }
}

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  // [run]
  auto file = rathole::config::load_document(argc == 2 ? argv[1] : "");
  for (const auto& each : file ? file->warnings : file.error()) std::puts(to_string(each).c_str());
  if (!file) return EXIT_FAILURE;

  asio::io_context context(1);
  asio::signal_set signals(context, SIGINT, SIGTERM);
  asio::steady_timer timer(context);
  std::optional<rathole::server> server;
  std::optional<rathole::client> client;
  int status = EXIT_SUCCESS;
  const auto run = [&](auto& end, const auto& settings) {
    if (!settings) return;
    end.emplace(context, *settings).async_run([&](std::error_code ec) {
      if (ec) std::fprintf(stderr, "%s\n", end->explain(ec).c_str());
      if (ec) status = EXIT_FAILURE;
      signals.cancel();
    });
  };
  run(server, file->settings.server);
  run(client, file->settings.client);
  signals.async_wait([&](std::error_code, int) {
    if (client) client->close();
    if (server) server->close();
    timer.cancel();
    signals.clear();  // the next signal ends the process
  });
  asio::co_spawn(context, count_seconds(timer), asio::detached);
  context.run();
  return status;
  // [run end]
}
