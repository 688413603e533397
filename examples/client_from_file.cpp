// A client that runs a configuration file: over any transport, on as many threads as the file says,
// and with the file's new settings on SIGHUP. SIGINT and SIGTERM stop it.
//
//   client_from_file client.toml

#include <rathole/client.hpp>
#include <rathole/config/load.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace config = rathole::config;

struct reporter {
  void on(const rathole::client::control_channel_established& e) {
    std::printf("%s: connected\n", std::string(e.service).c_str());
  }
  void on(const rathole::client::control_channel_failed& e) {
    std::printf("%s: %s\n", std::string(e.service).c_str(), e.error.message().c_str());
  }
};

void print(const std::vector<config::problem>& problems) {
  for (const auto& problem : problems) std::fprintf(stderr, "%s\n", to_string(problem).c_str());
}

std::optional<config::client> load_client(const std::string& path) {
  auto file = config::load_document(path);
  print(file ? file->warnings : file.error());
  if (!file) return std::nullopt;
  if (!file->settings.client) std::fprintf(stderr, "%s has no [client] block\n", path.c_str());
  return std::move(file->settings.client);
}

// [update]
void update_on_signal(asio::signal_set& hangups, rathole::client& client, const std::string& path) {
  hangups.async_wait([&](std::error_code ec, int) {
    if (ec) return;
    const auto updated = [&](std::error_code failed) {
      if (failed) std::fprintf(stderr, "%s\n", client.explain(failed).c_str());
    };
    if (auto next = load_client(path)) client.async_update(std::move(*next), updated);
    update_on_signal(hangups, client, path);
  });
}
// [update end]

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: client_from_file <configuration>\n", stderr);
    return 2;
  }
  const std::string path = argv[1];
  std::signal(SIGPIPE, SIG_IGN);  // connections are spliced only where SIGPIPE is ignored
  // [signals]
  asio::io_context context(1);
  // A SIGHUP before there is a set of it would end the process; the set keeps one that arrives
  // before the client runs.
  asio::signal_set hangups(context, SIGHUP);
  auto settings = load_client(path);
  if (!settings) return EXIT_FAILURE;
  // [signals end]
  reporter observer;
  rathole::client client(context, std::move(*settings), observer);
  update_on_signal(hangups, client, path);
  asio::signal_set stops(context, SIGINT, SIGTERM);
  stops.async_wait([&](std::error_code ec, int) {
    client.close();
    if (!ec) stops.async_wait([&](std::error_code, int) { client.shutdown(); });
  });
  int status = EXIT_SUCCESS;
  client.async_run([&](std::error_code ec) {
    if (ec) std::fprintf(stderr, "%s\n", client.explain(ec).c_str());
    if (ec) status = EXIT_FAILURE;
    hangups.cancel();
    stops.cancel();
  });
  context.run();
  return status;
}
