#pragma once

#include <rathole/app/cli.hpp>
#include <rathole/app/client_log.hpp>
#include <rathole/app/fd_limit.hpp>
#include <rathole/app/heap_trimmer.hpp>
#include <rathole/app/log.hpp>
#include <rathole/app/mode.hpp>
#include <rathole/app/server_log.hpp>
#include <rathole/app/start_report.hpp>
#include <rathole/app/stop_signals.hpp>
#include <rathole/client/client.hpp>
#include <rathole/config/load.hpp>
#include <rathole/core/result.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/server/server.hpp>
#include <rathole/transport/select.hpp>

#include <asio/io_context.hpp>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::app {

namespace detail {

inline void print(std::ostream& to, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) to << printable(line) << '\n';
}

/// Loads the file, or prints what is wrong with it.
inline std::optional<config::config> load_or_explain(const std::string& path, std::ostream& err) {
  auto loaded = config::load(path);
  if (loaded) return std::move(*loaded);
  for (const auto& problem : loaded.error()) err << printable(config::to_string(problem)) << '\n';
  return std::nullopt;
}

/// Ends the program although a look-up may be under way in the system's resolver: it cannot be
/// interrupted, and an orderly end would wait for it.
[[noreturn]] inline void exit_at_once() {
  std::fflush(nullptr);
  std::quick_exit(EXIT_SUCCESS);
}

/// Runs a client or server until it ends by itself or by signals: the first lets running forwards
/// finish, the second ends them. Fails if it could not start.
template <class Instance, class Trimmer>
result<void> run_until_stopped(asio::io_context& context, Instance& instance, Trimmer& heap,
                               logger& log, std::string_view target) {
  stop_signals signals(context, [&](int count) {
    if (count > 1) {
      instance.stop_now();
      exit_at_once();
    }
    log.write(log_level::info, target, "Shuting down gracefully...");
    instance.stop();
  });
  std::error_code outcome;
  instance.async_run([&](std::error_code ec) {
    outcome = ec;
    context.stop();
  });
  context.run();
  if (outcome) return failure(outcome);
  log.write(log_level::info, target, "Shutdown");
  signals.cancel();
  heap.cancel();
  context.restart();
  context.poll();
  if (!context.stopped()) exit_at_once();
  return {};
}

}  // namespace detail

/// Runs a server until it is told to stop. Fails with the system's code if it cannot listen.
inline result<void> run_server(const config::server& settings,
                               const transport::server_carrier& prepared, logger& log) {
  asio::io_context context(1);
  io::workers threads(context, settings.workers);
  const auto start = [&](auto carrier) {
    server_log lines(log);
    heap_trimmer observer(context.get_executor(), lines);
    server::basic_server instance(std::move(carrier), settings, observer);
    return detail::run_until_stopped(context, instance, observer, log, server_log::target);
  };
  return transport::visit(prepared, io::asio_runtime(context, threads), start);
}

/// Runs a client until it is told to stop.
inline result<void> run_client(const config::client& settings,
                               const transport::client_carrier& prepared, logger& log) {
  asio::io_context context(1);
  io::workers threads(context, settings.workers);
  const auto start = [&](auto carrier) {
    client_log lines(log);
    heap_trimmer observer(context.get_executor(), lines);
    client::basic_client instance(std::move(carrier), settings, observer);
    return detail::run_until_stopped(context, instance, observer, log, client_log::target);
  };
  return transport::visit(prepared, io::asio_runtime(context, threads), start);
}

/// `--check`: prints every problem of the file, and what of it this program does not contain, to
/// `err`. Returns 1 if there is a problem, else 0.
inline int check(const arguments& asked, std::ostream& out, std::ostream& err) {
  const auto file = detail::load_or_explain(asked.config, err);
  if (!file) return EXIT_FAILURE;
  if (asked.as_server || asked.as_client) {
    if (const auto mode = select_mode(asked.as_server, asked.as_client, *file); !mode) {
      err << "Error: " << mode.error() << '\n';
      return EXIT_FAILURE;
    }
  }
  start_report report;
  if (file->server && !asked.as_client) add_to(report, *file->server, asked.config);
  if (file->client && !asked.as_server) add_to(report, *file->client, asked.config);
  detail::print(err, report.problems);
  detail::print(err, report.missing);
  if (!report.problems.empty()) return EXIT_FAILURE;
  if (report.is_empty()) out << printable(asked.config) << ": no problems found\n";
  return EXIT_SUCCESS;
}

/// Runs what the file says until the program is told to stop. Logs to standard output; what keeps
/// it from starting goes to `err`. Returns 0 after a signal, 1 if it could not start.
inline int run(const arguments& asked, std::ostream& err) {
  const auto file = detail::load_or_explain(asked.config, err);
  if (!file) return EXIT_FAILURE;
  const auto mode = select_mode(asked.as_server, asked.as_client, *file);
  if (!mode) {
    err << "Error: " << mode.error() << '\n';
    return EXIT_FAILURE;
  }
  const bool is_server = *mode == config::side::server;
  auto setting = read_log_setting(std::getenv("RATHOLE_LOG"), std::getenv("RUST_LOG"));
  logger log(std::move(setting.filter));
  const auto complain = [&log](const std::string& what) {
    log.write(log_level::error, "rathole::tls", escape(what) + "; the old ones stay in use");
  };
  start_report report;
  std::optional<transport::server_carrier> server_side;
  std::optional<transport::client_carrier> client_side;
  if (is_server) server_side = add_to(report, *file->server, asked.config, complain);
  if (!is_server) client_side = add_to(report, *file->client, asked.config, complain);
  detail::print(err, report.problems);
  detail::print(err, report.missing);
  if (!report.is_empty()) return EXIT_FAILURE;

  if (!setting.warning.empty()) log.write(log_level::warn, "rathole", setting.warning);
  if (const auto limit = raise_fd_limit()) {
    log.write(log_level::info, "rathole", "File descriptor limit: " + std::to_string(*limit));
  } else {
    log.write(log_level::warn, "rathole",
              "Failed to raise the file descriptor limit: " + limit.error().message());
  }

  const auto ended = is_server ? run_server(*file->server, *server_side, log)
                               : run_client(*file->client, *client_side, log);
  if (ended) return EXIT_SUCCESS;
  err << "Error: ";
  if (is_server)
    err << "Failed to listen at `server.bind_addr` " << shown(file->server->bind_addr) << ": ";
  err << ended.error().message() << '\n';
  return EXIT_FAILURE;
}

}  // namespace rathole::app
