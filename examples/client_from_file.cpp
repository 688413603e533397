// A client that runs a configuration file: over any transport, on as many threads as the file says,
// and with the file's new settings on SIGHUP. SIGINT and SIGTERM stop it.
//
//   client_from_file client.toml

#include <rathole/config/diff.hpp>
#include <rathole/config/load.hpp>
#include <rathole/rathole.hpp>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace config = rathole::config;

struct reporter {
  void on(const rathole::client_side::control_channel_established& e) {
    std::printf("%s: connected\n", std::string(e.service).c_str());
  }
  void on(const rathole::client_side::control_channel_failed& e) {
    std::printf("%s: %s\n", std::string(e.service).c_str(), e.error.message().c_str());
  }
};

void print(const std::vector<config::problem>& problems) {
  for (const auto& problem : problems) {
    std::fprintf(stderr, "%s\n", config::to_string(problem).c_str());
  }
}

// [load]
std::optional<config::client> load_client(const std::string& path) {
  auto file = config::load(path);
  if (!file) {
    print(file.error());
    return std::nullopt;
  }
  if (!file->client) std::fprintf(stderr, "%s has no [client] block\n", path.c_str());
  return std::move(file->client);
}
// [load end]

template <class Client>
void reload(Client& client, config::client& settings, rathole::io::workers& threads,
            const std::string& path) {
  // [update]
  const auto next = load_client(path);
  if (!next) return;
  if (!config::same_transport(settings, *next)) {
    std::puts("Another transport needs another client; the old settings stay in use.");
    return;
  }
  threads.use(next->workers);
  if (const auto updated = client.update(*next); !updated) {
    std::printf("The old settings stay in use: %s\n", updated.error().message().c_str());
    return;
  }
  settings = *next;
  // [update end]
}

/// Runs a client until SIGINT or SIGTERM; calls `reload` for each signal of `hangups`.
template <class Client>
void run_until_stopped(Client& client, asio::io_context& context, asio::signal_set& hangups,
                       const std::function<void()>& reload) {
  asio::signal_set stops(context, SIGINT, SIGTERM);
  stops.async_wait([&](std::error_code, int) { client.stop(); });
  const std::function<void()> wait_for_hangup = [&] {
    hangups.async_wait([&](std::error_code ec, int) {
      if (ec) return;
      reload();
      wait_for_hangup();
    });
  };
  wait_for_hangup();
  const auto ended = [&](std::error_code) {
    stops.cancel();
    hangups.cancel();
  };
  client.async_run(ended);
  rathole::io::run_context(context);
}

int run(asio::io_context& context, asio::signal_set& hangups, config::client settings,
        const std::string& path) {
  // [transport]
  const auto prepared = rathole::transport::prepare(settings);
  if (!prepared) {
    print(prepared.error());
    return EXIT_FAILURE;
  }
  rathole::io::workers threads(context, settings.workers);
  const rathole::io::asio_runtime runtime(context, threads);
  reporter observer;
  const auto run_over = [&](auto transport) {
    rathole::client_side::basic_client client(std::move(transport), settings, observer);
    const auto on_hangup = [&] { reload(client, settings, threads, path); };
    run_until_stopped(client, context, hangups, on_hangup);
    return EXIT_SUCCESS;
  };
  return rathole::transport::visit(*prepared, runtime, run_over);
  // [transport end]
}

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: client_from_file <configuration>\n", stderr);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);  // flows are spliced only where SIGPIPE is ignored
  // [signals]
  asio::io_context context(1);
  // A SIGHUP before there is a set of it would end the process; the set keeps one that arrives
  // before the client runs.
  asio::signal_set hangups(context, SIGHUP);
  auto settings = load_client(argv[1]);
  if (!settings) return EXIT_FAILURE;
  return run(context, hangups, std::move(*settings), argv[1]);
  // [signals end]
}
