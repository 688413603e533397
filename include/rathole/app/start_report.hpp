#pragma once

#include <rathole/app/admin_part.hpp>
#include <rathole/app/log/logger.hpp>
#include <rathole/app/log/text.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/source.hpp>
#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/transport/limitations.hpp>
#include <rathole/transport/missing_part.hpp>
#include <rathole/transport/prepare.hpp>
#include <rathole/version.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace rathole::app::inline RATHOLE_ABI {

/// The reasons why a file that loads cannot run as an instance, one line each.
struct start_report {
  /// The mistakes that only matter to an instance that starts.
  std::vector<std::string> problems = {};
  /// The parts of a transport that this program does not contain.
  std::vector<std::string> missing = {};
  /// The limitations of an instance that starts, which are warnings of the check and of the log.
  std::vector<std::string> limitations = {};

  /// Returns the lines that prevent an instance from running: the problems, then the missing parts.
  [[nodiscard]] std::vector<std::string> errors() const {
    std::vector<std::string> out = problems;
    out.insert(out.end(), missing.begin(), missing.end());
    return out;
  }
};

/// Returns a function that logs the problems of key files that have changed. `log` must outlive it.
inline transport::problem_handler problem_logger(logger& log) {
  return [&log](tls::file_news news, const std::string& what) {
    constexpr std::string_view target = "rathole::tls";
    switch (news) {
      case tls::file_news::refused:
        return log.write(log_level::error, target, printable(what) + "; the old ones stay in use");
      case tls::file_news::loaded: return log.write(log_level::info, target, printable(what));
      case tls::file_news::doubtful: return log.write(log_level::warn, target, printable(what));
    }
  };
}

/// Returns the transport of `settings`, named by its keys.
inline std::string transport_text(const config::transport& settings) {
  std::string text = "transport `" + std::string(config::name_of(settings.kind)) + '`';
  if (settings.kind == config::transport_kind::websocket && settings.websocket) {
    text += settings.websocket->tls ? " with TLS" : " without TLS";
  }
  if (settings.kind == config::transport_kind::noise && settings.noise) {
    text += " (" + printable(settings.noise->pattern);
    if (settings.noise->engine == config::noise_engine::openssl) text += ", engine `openssl`";
    text += ')';
  }
  if (settings.multiplex) {
    text += ", multiplexed over " + std::to_string(settings.connections) +
            (settings.connections == 1 ? " connection" : " connections");
  }
  return text;
}

/// Returns whether the admin API of `options` can be served, or is not wanted. Adds the reason why it
/// cannot to `report`.
inline bool check_admin(const std::optional<config::admin_options>& options, config::side side,
                        const config::source& from, start_report& report) {
  const auto missing = missing_admin(options, side);
  if (missing) report.missing.push_back(config::to_string(from.locate(*missing)));
  if (missing || !options) return !missing;
  const auto layers = admin_layers(*options);
  if (layers) return true;
  const config::problem problem{.key = std::string(config::name_of(side)) + ".admin.tls",
                                .what = layers.error()};
  report.problems.push_back(config::to_string(from.locate(problem)));
  return false;
}

/// The prepared transport of a block; see `transport::prepare`.
template <class Block>
using prepared_of = typename decltype(transport::prepare(std::declval<Block>()))::value_type;

/// Prepares the transport of `block`, a `config::server` or `config::client` of the file `from`:
/// reads its keys and certificates. Adds the reasons why the block cannot run as written to
/// `report`, and returns nothing if there are any. Later problems of files are reported to
/// `report_problem`.
template <class Block>
std::optional<prepared_of<Block>> prepare_transport(
    const Block& block, const config::source& from, start_report& report,
    const transport::problem_handler& report_problem = {}) {
  constexpr bool is_server = std::is_same_v<Block, config::server>;
  const config::side side = is_server ? config::side::server : config::side::client;
  const auto line = [&from](const config::problem& problem) {
    return config::to_string(from.locate(problem));
  };
  std::optional<prepared_of<Block>> prepared;
  const bool admin_is_usable = check_admin(block.admin, side, from, report);
  if (const auto part = transport::missing_part(block.transport, side)) {
    for (const auto& problem : config::start_problems(block.transport, side)) {
      report.problems.push_back(line(problem));
    }
    report.missing.push_back(line(*part));
  } else if (auto made = transport::prepare(block, report_problem)) {
    prepared = std::move(*made);
    for (const std::string& text : transport::limitations_of(block.transport, side)) {
      report.limitations.push_back(printable(text));
    }
  } else {
    for (const auto& problem : made.error()) report.problems.push_back(line(problem));
  }
  if (!admin_is_usable) prepared.reset();
  return prepared;
}

}  // namespace rathole::app::inline RATHOLE_ABI
