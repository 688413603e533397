#pragma once

#include <rathole/app/log/filter.hpp>
#include <rathole/app/settings_source.hpp>
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

/// Loads the configuration `from`, and the files that it includes, with all checks of the program. A pipe
/// may take `pipe_timeout`; see `config::load_document`.
inline std::expected<config::document, std::vector<config::problem>> load_file(
    const settings_source& from, config::include_files& includes,
    duration pipe_timeout = config::limits::pipe_timeout) {
  if (from.path.empty()) {
    return config::load_text(from.given.text, from.given.key_names, includes, &log_problem);
  }
  return config::load_document(from.path, includes, &log_problem, pipe_timeout);
}

/// Loads the configuration `from`, as above.
inline std::expected<config::document, std::vector<config::problem>> load_file(
    const settings_source& from) {
  config::include_files includes(from.path);
  return load_file(from, includes);
}

}  // namespace rathole::app
