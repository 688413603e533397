#pragma once

#include <rathole/app/log/filter.hpp>
#include <rathole/config/load.hpp>

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::app {

/// Returns what is wrong with `text`, the value of the key `log`; nothing if it is valid.
inline std::optional<std::string> log_problem(std::string_view text) {
  if (log_filter::parse(text)) return std::nullopt;
  return "unknown level or directive; write trace, debug, info, warn, error, off or directives "
         "such "
         "as rathole::client=debug";
}

/// Loads the file at `path`, and the files that it includes, with all checks of the program. A pipe may
/// take `pipe_timeout`; see `config::load_document`.
inline std::expected<config::document, std::vector<config::problem>> load_file(
    const std::string& path, config::include_files& includes,
    duration pipe_timeout = config::limits::pipe_timeout) {
  return config::load_document(path, includes, &log_problem, pipe_timeout);
}

/// Loads the file at `path`, as above.
inline std::expected<config::document, std::vector<config::problem>> load_file(
    const std::string& path) {
  config::include_files includes(path);
  return load_file(path, includes);
}

}  // namespace rathole::app
