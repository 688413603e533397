#pragma once

#include <rathole/config/problem.hpp>
#include <rathole/config/source.hpp>
#include <rathole/config/toml.hpp>
#include <rathole/config/toml_client_server.hpp>
#include <rathole/config/toml_guard.hpp>
#include <rathole/config/toml_reader.hpp>
#include <rathole/config/toml_warnings.hpp>
#include <rathole/config/types.hpp>

#include <algorithm>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::config {

namespace detail {

/// Returns the description of a syntax error by toml++ without the text that it quotes from a
/// value, because that may be part of a secret.
inline std::string describe(const toml::parse_error& error) {
  std::string text(error.description());
  text.erase(std::min(text.find(", saw "), text.size()));
  // Only these two kinds of message quote key names and TOML's own words.
  const bool quotes_no_value = text.contains("expected ") || text.contains("redefine");
  const auto first = text.find('\'');
  const auto last = text.rfind('\'');
  if (!quotes_no_value && first != last) text.replace(first, last - first + 1, "the text here");

  constexpr std::string_view opening = "Error while parsing ";
  if (text.starts_with(opening)) return "syntax error in " + text.substr(opening.size());
  return "syntax error: " + text;
}

/// Returns the problem for a syntax error in `file`.
inline problem syntax_problem(const toml::parse_error& error, std::string file) {
  return {.file = std::move(file),
          .line = error.source().begin.line,
          .column = error.source().begin.column,
          .key = {},
          .what = describe(error),
          .remedy = "mend the TOML here; text needs quotes, and the file is UTF-8"};
}

/// Parses `text` with toml++, whether exceptions are enabled in it or not.
inline std::expected<toml::table, problem> parse_toml(std::string_view text,
                                                      const std::string& file) {
#if TOML_EXCEPTIONS
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    return std::unexpected(syntax_problem(error, file));
  }
#else
  toml::parse_result parsed = toml::parse(text);
  if (!parsed) return std::unexpected(syntax_problem(parsed.error(), file));
  return std::move(parsed).table();
#endif
}

}  // namespace detail

/// A valid configuration and what else is known about its file.
struct document {
  /// The configuration.
  config settings = {};
  /// The warnings, in the order of their positions; all are of `severity::warning`.
  std::vector<problem> warnings = {};
  /// The file and the positions of its keys.
  source where;
};

/// A function that returns what is wrong with the value of the key `log`, as a text for users;
/// nothing if it is valid. The program passes this function, because only it knows which values are
/// valid.
using log_check = std::optional<std::string> (*)(std::string_view);

/// Parses the TOML `text` as a configuration; `file` is its name in problems. Fails with all
/// problems, including warnings, in the order of their positions, or with one syntax error.
/// `check_log` may be null.
inline std::expected<document, std::vector<problem>> read(std::string_view text, std::string file,
                                                          log_check check_log = nullptr) {
  if (auto problem = toml_guard(text).check()) {
    problem->file = std::move(file);
    return std::unexpected(std::vector{std::move(*problem)});
  }
  const auto parsed = detail::parse_toml(text, file);
  if (!parsed) return std::unexpected(std::vector{parsed.error()});

  config out;
  problem_log log(std::move(file));
  toml_reader root(*parsed, "", log);
  out.log = root.string("log");
  if (out.log && check_log) {
    if (const auto wrong = check_log(*out.log)) root.reject("log", *wrong, "");
  }
  if (auto table = root.table("server")) out.server = read_server(std::move(*table));
  if (auto table = root.table("client")) out.client = read_client(std::move(*table));
  root.finish();
  if (!out.server && !out.client && !log.has_errors()) {
    log.add({}, "", "Neither of `[server]` or `[client]` is defined", "add at least one of them");
  }
  if (log.has_errors()) return std::unexpected(log.take());
  if (out.server && out.client) {
    detail::warn_of_heartbeats(*out.server, *out.client, log);
    detail::warn_of_transports(*out.server, *out.client, log);
    detail::warn_of_loops(*out.server, *out.client, log);
  }
  return document{std::move(out), log.take(), std::move(log.origin())};
}

/// Parses the TOML `text` as a configuration, as `read`, but drops the warnings.
inline std::expected<config, std::vector<problem>> parse(std::string_view text, std::string file) {
  auto out = read(text, std::move(file));
  if (!out) return std::unexpected(std::move(out.error()));
  return std::move(out->settings);
}

}  // namespace rathole::config
