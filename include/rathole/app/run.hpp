#pragma once

#include <rathole/app/cli.hpp>
#include <rathole/app/descriptor_demand.hpp>
#include <rathole/app/fd_limit.hpp>
#include <rathole/app/load_file.hpp>
#include <rathole/app/log/client_log.hpp>
#include <rathole/app/log/logger.hpp>
#include <rathole/app/log/outputs.hpp>
#include <rathole/app/log/server_log.hpp>
#include <rathole/app/log/text.hpp>
#include <rathole/app/mode.hpp>
#include <rathole/app/operation_hooks.hpp>
#include <rathole/app/start_report.hpp>
#include <rathole/app/supervisor.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/resolve/host_lookup.hpp>
#include <rathole/version.hpp>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <ostream>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace rathole::app::inline RATHOLE_ABI {

/// The exit status for a valid file that asks for a part that this program does not contain;
/// also used for an invalid command line.
inline constexpr int exit_not_built_in = 2;
/// The exit status of a client that has given up all its services; see `config::client::max_retries`.
inline constexpr int exit_given_up = 4;
/// The exit status of a program that cannot listen at one of its addresses.
inline constexpr int exit_cannot_listen = 5;

}  // namespace rathole::app::inline RATHOLE_ABI

namespace rathole::app::detail::inline RATHOLE_ABI {

/// Writes `lines` to `to` in a form that is safe for a terminal.
inline void print(std::ostream& to, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) to << printable(line) << '\n';
}

/// Loads the configuration `from`; if it has errors, prints them to `err` and returns nothing.
inline std::optional<config::document> load_or_explain(const settings_source& from,
                                                       std::ostream& err) {
  auto loaded = load_file(from);
  if (loaded) return std::move(*loaded);
  for (const auto& problem : loaded.error()) err << printable(config::to_string(problem)) << '\n';
  return std::nullopt;
}

/// How long the program tries to listen at addresses that are in use when it starts: those of the program
/// whose place it takes are free moments after that one was asked to stop.
inline constexpr std::chrono::seconds address_wait{2};
/// The pause between two of these attempts.
inline constexpr std::chrono::milliseconds address_retry_pause{50};

/// Runs the block of a loaded file until the program is asked to stop. Returns why it could not start.
template <class Log, class Block>
std::optional<start_failure> run_once(const config::document& file, const settings_source& from,
                                      const Block& block, log_outputs& logs,
                                      const prepared_of<Block>& prepared) {
  supervisor<Block, Log> program(file, from, logs);
  if (auto started = program.start(); !started) return std::move(started.error());
  const auto ended = program.run(prepared);
  if (ended) return std::nullopt;
  return start_failure{ended.error(), start_failure_text(block, ended.error())};
}

/// Returns the exit status of a program that has ended because of `error`.
inline int exit_status_of(const std::error_code& error) {
  if (error == errc::retries_exhausted) return exit_given_up;
  const bool is_of_system =
      error.category() == std::system_category() || error.category() == std::generic_category() ||
      error.category() == io::lookup_category() || error == errc::host_not_found;
  return is_of_system ? exit_cannot_listen : EXIT_FAILURE;
}

/// Runs the block of a loaded file; see `run`.
template <class Log, class Block>
int start(const config::document& file, const settings_source& from, const Block& block,
          log_outputs& logs, const std::vector<std::string>& warnings, std::ostream& err) {
  logger& log = logs.lines();
  start_report report;
  const auto prepared = prepare_transport(block, file.where, report, problem_logger(log));
  print(err, report.problems);
  print(err, report.missing);
  if (!prepared) return report.problems.empty() ? exit_not_built_in : EXIT_FAILURE;

  for (const config::problem& each : file.warnings) {
    log.write(log_level::warn, "rathole::config", printable(config::text_of(each)));
  }
  for (const std::string& line : warnings) log.write(log_level::warn, "rathole", line);
  for (const std::string& line : report.limitations) {
    log.write(log_level::warn, "rathole", line);
  }
  if (const auto limit = raise_fd_limit()) {
    log.write(log_level::info, "rathole", "File descriptor limit: " + std::to_string(*limit));
    if (const auto warning = descriptor_warning(block, *limit)) {
      log.write(log_level::warn, "rathole::config",
                printable(config::text_of(file.where.locate(*warning))));
    }
  } else {
    log.write(log_level::warn, "rathole",
              "Failed to raise the file descriptor limit: " + limit.error().message());
  }
  log.write(log_level::info, Log::target, "Running by " + transport_text(block.transport));
  const time_point give_up = clock::now() + address_wait;
  for (bool is_first = true;; is_first = false) {
    const auto failed = run_once<Log>(file, from, block, logs, *prepared);
    if (!failed) return EXIT_SUCCESS;
    if (failed->error != std::errc::address_in_use || clock::now() >= give_up) {
      logs.flush();
      err << "Error: " << failed->text << '\n';
      return exit_status_of(failed->error);
    }
    if (is_first) {
      log.write(log_level::warn, "rathole",
                failed->text + "; trying again for " + std::to_string(address_wait.count()) +
                    " s, because a program that is stopping may have it");
    }
    std::this_thread::sleep_for(address_retry_pause);
  }
}

}  // namespace rathole::app::detail::inline RATHOLE_ABI

namespace rathole::app::inline RATHOLE_ABI {

/// Implements `--check`: prints every problem of the file, including warnings, every limitation of
/// its transport, and every part that this program does not contain, to `err`. Returns 1 if there
/// is an error, otherwise `exit_not_built_in` if this program lacks a part, and otherwise 0.
inline int check(const arguments& asked, std::ostream& out, std::ostream& err) {
  const auto file = detail::load_or_explain(asked.source(), err);
  if (!file) return EXIT_FAILURE;
  if (asked.as_server || asked.as_client) {
    if (const auto mode = select_mode(asked.as_server, asked.as_client, file->settings); !mode) {
      err << "Error: " << mode.error() << " (" << printable(asked.config) << ")\n";
      return EXIT_FAILURE;
    }
  }
  for (const config::problem& each : file->warnings) {
    err << printable(config::to_string(each)) << '\n';
  }
  start_report report;
  std::vector<std::string> doubts;
  const auto doubt = [&](tls::file_news, const std::string& what) {
    doubts.push_back(asked.source().name() + ": warning: " + what);
  };
  for (const std::string& each : asked.source().given.warnings) {
    doubt(tls::file_news::doubtful, each);
  }
  const auto& [log, server, client] = file->settings;
  if (server && !asked.as_client) prepare_transport(*server, file->where, report, doubt);
  if (client && !asked.as_server) prepare_transport(*client, file->where, report, doubt);
  for (const config::problem& each : log_outputs::problems_of(file->settings.log)) {
    report.problems.push_back(config::to_string(file->where.locate(each)));
  }
  for (const std::string& text : report.limitations) doubt(tls::file_news::doubtful, text);
  const auto doubt_descriptors = [&](const auto& block) {
    const auto warning = descriptor_warning(block, highest_fd_limit());
    if (warning) doubts.push_back(config::to_string(file->where.locate(*warning)));
  };
  if (server && !asked.as_client) doubt_descriptors(*server);
  if (client && !asked.as_server) doubt_descriptors(*client);
  detail::print(err, doubts);
  detail::print(err, report.problems);
  detail::print(err, report.missing);
  if (!report.problems.empty()) return EXIT_FAILURE;
  if (!report.missing.empty()) return exit_not_built_in;
  out << printable(asked.source().name())
      << (file->warnings.empty() && doubts.empty() ? ": no problems found\n"
                                                   : ": no errors found\n");
  return EXIT_SUCCESS;
}

/// Runs what the file configures until the program is asked to stop, and applies changes of the
/// file. Logs to standard output; errors that prevent the start go to `err`. Returns 0 after a
/// signal, 1 if the program could not start, `exit_not_built_in` if the file asks for a part that this program
/// does not contain, `exit_cannot_listen` if it cannot listen at an address, and `exit_given_up` if a client has
/// given up. SIGHUP and SIGUSR1 are ignored until the program has started.
inline int run(const arguments& asked, std::ostream& err) {
  // A request to reload that arrives before the supervisor handles it would end the process. The
  // supervisor reads the file again once it has started, so nothing is missed.
  std::signal(SIGHUP, SIG_IGN);
  std::signal(SIGUSR1, SIG_IGN);
  const auto file = detail::load_or_explain(asked.source(), err);
  if (!file) return EXIT_FAILURE;
  const config::config& settings = file->settings;
  const auto mode = select_mode(asked.as_server, asked.as_client, settings);
  if (!mode) {
    err << "Error: " << mode.error() << " (" << printable(asked.config) << ")\n";
    return EXIT_FAILURE;
  }
  logger log{log_filter()};
  log_outputs logs(log, asked.log_form);
  const log_report report = logs.apply(settings.log);
  for (const config::problem& each : report.errors) {
    err << printable(config::to_string(file->where.locate(each))) << '\n';
  }
  if (!report.errors.empty()) return EXIT_FAILURE;
  const settings_source from = asked.source();
  std::vector<std::string> warnings = from.given.warnings;
  warnings.insert(warnings.end(), report.warnings.begin(), report.warnings.end());
  const auto start = [&](const auto& block, auto observer) {
    return detail::start<typename decltype(observer)::type>(*file, from, block, logs, warnings,
                                                            err);
  };
  if (*mode == config::side::server)
    return start(*settings.server, std::type_identity<server_log>());
  return start(*settings.client, std::type_identity<client_log>());
}

}  // namespace rathole::app::inline RATHOLE_ABI
