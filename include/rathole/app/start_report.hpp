#pragma once

#include <rathole/app/escape.hpp>
#include <rathole/app/log.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/source.hpp>
#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/transport/limitations.hpp>
#include <rathole/transport/missing_part.hpp>
#include <rathole/transport/prepare.hpp>

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace rathole::app {

/// What stands between a file that loads and an instance that runs, one line each.
struct start_report {
  /// Mistakes that only matter to an instance that starts.
  std::vector<std::string> problems = {};
  /// Parts of a transport that this program does not contain.
  std::vector<std::string> missing = {};
  /// What an instance that starts goes without; it is logged as a warning.
  std::vector<std::string> limitations = {};

  /// Returns what keeps an instance from running: the problems, then the missing parts.
  [[nodiscard]] std::vector<std::string> errors() const {
    std::vector<std::string> out = problems;
    out.insert(out.end(), missing.begin(), missing.end());
    return out;
  }
  /// Whether an instance can do what it was asked.
  [[nodiscard]] bool is_empty() const { return problems.empty() && missing.empty(); }
};

/// Logs what is wrong with files of keys that have changed. `log` outlives it.
inline transport::complaint complaint_to(logger& log) {
  return [&log](const std::string& what) {
    log.write(log_level::error, "rathole::tls", printable(what) + "; the old ones stay in use");
  };
}

/// What `transport::prepare` makes of a block.
template <class Block>
using carrier_of = typename decltype(transport::prepare(std::declval<Block>()))::value_type;

/// Adds what keeps `block`, a `config::server` or `config::client` of the file `from`, from running
/// as written. Returns what carries its connections, if that could be made ready; `complain` then
/// goes along.
template <class Block>
std::optional<carrier_of<Block>> add_to(start_report& report, const Block& block,
                                        const config::source& from,
                                        const transport::complaint& complain = {}) {
  constexpr bool is_server = std::is_same_v<Block, config::server>;
  const config::side side = is_server ? config::side::server : config::side::client;
  const auto line = [&from](const config::problem& problem) {
    return config::to_string(from.locate(problem));
  };
  std::optional<carrier_of<Block>> carrier;
  if (const auto part = transport::missing_part(block.transport, side)) {
    for (const auto& problem : config::start_problems(block.transport, side)) {
      report.problems.push_back(line(problem));
    }
    report.missing.push_back(line(*part));
  } else if (auto prepared = transport::prepare(block, complain)) {
    carrier = std::move(*prepared);
    for (const std::string& text : transport::limitations_of(block.transport, side)) {
      report.limitations.push_back(printable(text));
    }
  } else {
    for (const auto& problem : prepared.error()) report.problems.push_back(line(problem));
  }
  return carrier;
}

}  // namespace rathole::app
