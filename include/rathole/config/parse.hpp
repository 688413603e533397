#pragma once

#include <rathole/config/include.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/source.hpp>
#include <rathole/config/surroundings.hpp>
#include <rathole/config/toml.hpp>
#include <rathole/config/toml_client_server.hpp>
#include <rathole/config/toml_guard.hpp>
#include <rathole/config/toml_interpolation.hpp>
#include <rathole/config/toml_log.hpp>
#include <rathole/config/toml_merge.hpp>
#include <rathole/config/toml_reader.hpp>
#include <rathole/config/toml_warnings.hpp>
#include <rathole/config/types.hpp>

#include <algorithm>
#include <cstddef>
#include <expected>
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

/// Parses `text` with toml++, whether exceptions are enabled in it or not, after `toml_guard`.
inline std::expected<toml::table, problem> parse_toml(std::string_view text,
                                                      const std::string& file) {
  if (auto problem = toml_guard(text).check()) {
    problem->file = file;
    return std::unexpected(std::move(*problem));
  }
#if TOML_EXCEPTIONS
  try {
    return toml::parse(text, std::string_view(file));
  } catch (const toml::parse_error& error) {
    return std::unexpected(syntax_problem(error, file));
  }
#else
  toml::parse_result parsed = toml::parse(text, std::string_view(file));
  if (!parsed) return std::unexpected(syntax_problem(parsed.error(), file));
  return std::move(parsed).table();
#endif
}

/// A pattern of files to include, and the key that names it.
struct include_pattern {
  /// The pattern.
  std::string pattern;
  /// The path of the key.
  std::string key;
  /// The position of its value.
  position at;
  /// The number of the pattern in its list, counted from 1; 0 if it is the only one.
  std::size_t number = 0;
};

/// Returns the patterns of files that `root` includes: those of `include`, and each `services_dir`.
inline std::vector<include_pattern> include_patterns(const toml::table& root, problem_log& log) {
  std::vector<include_pattern> out;
  toml_reader names(root, "", log);
  const auto listed = names.string_or_strings("include", limits::includes);
  for (const std::string& each : listed.value_or(std::vector<std::string>())) {
    const std::size_t number = listed->size() > 1 ? out.size() + 1 : 0;
    out.push_back({each, "include", names.where("include"), number});
  }
  for (const std::string side : {"server", "client"}) {
    const auto node = root[side]["admin"]["services_dir"];
    const auto folder = node.value<std::string>();
    if (!folder || folder->empty()) continue;
    out.push_back(
        {*folder + "/*.toml", side + ".admin.services_dir", log.place(node.node()->source())});
  }
  return out;
}

/// Returns whether the strings of a configuration, whose main file is `root`, have variables.
inline bool has_interpolation(const toml::table& root) {
  return root["interpolate"].value_or(true);
}

/// Merges an included file into `root`, after `variables`, if not null, has replaced those in it.
inline void add_included(toml::table& root, const included_file& file,
                         toml_interpolation* variables, problem_log& log) {
  log.origin().add_file(file.name);
  auto parsed = parse_toml(file.text, file.name);
  if (!parsed) return log.add(std::move(parsed.error()));
  if (parsed->contains("include")) {
    toml_reader(*parsed, "", log)
        .reject("include", "an included file includes others",
                "name them in the `include` of " + log.origin().file());
    parsed->erase("include");
  }
  if (parsed->contains("interpolate")) {
    toml_reader(*parsed, "", log)
        .reject("interpolate", "the main file says this for all files",
                "move the key to " + log.origin().file());
    parsed->erase("interpolate");
  }
  if (variables) variables->apply(*parsed);
  for (const std::string side : {"server", "client"}) {
    const auto node = (*parsed)[side]["admin"]["services_dir"];
    if (!node) continue;
    log.add(log.place(node.node()->source()), side + ".admin.services_dir",
            "an included file names a folder to include", "move the key to " + log.origin().file());
  }
  toml_merge(log).add(root, std::move(*parsed));
}

/// Warns of `skipped`, what `pattern` matches although nothing can be included from it.
inline void warn_of_skipped(const include_pattern& pattern, const std::vector<std::string>& skipped,
                            problem_log& log) {
  if (skipped.empty()) return;
  const std::size_t others = skipped.size() - 1;
  log.warn(pattern.at, pattern.key,
           skipped.front() + (others > 0 ? " and " + std::to_string(others) + " more are" : " is") +
               " no regular file, and nothing is included from it",
           "move it to another folder, or give it another name");
}

/// Replaces the variables in `root`, the table of the main file, and adds the content of the files that it
/// includes. Problems go to `log`, to whose source the files are added.
inline void complete(toml::table& root, problem_log& log) {
  toml_interpolation replacement(log);
  toml_interpolation* const variables = has_interpolation(root) ? &replacement : nullptr;
  if (variables) variables->apply(root);
  const include_reader& files = log.around().files;
  for (const include_pattern& each : include_patterns(root, log)) {
    if (!files) {
      return log.add(each.at, each.key,
                     "this text belongs to no folder, so nothing can be included",
                     "load the configuration from a file");
    }
    const auto found = files(each.pattern);
    if (!found) {
      const std::string entry =
          each.number > 0 ? "entry " + std::to_string(each.number) + ": " : std::string();
      log.add(each.at, each.key, entry + found.error().what, found.error().remedy);
      continue;
    }
    warn_of_skipped(each, found->skipped, log);
    if (found->files.empty() && found->skipped.empty() && each.key == "include") {
      log.warn(each.at, each.key, "no file, or none that is not included already, matches",
               "correct the pattern, unless the files are still to come");
    }
    for (const included_file& file : found->files) add_included(root, file, variables, log);
  }
}

}  // namespace detail

/// A valid configuration and what else is known about its files.
struct document {
  /// The configuration.
  config settings = {};
  /// The warnings, in the order of their positions; all are of `severity::warning`.
  std::vector<problem> warnings = {};
  /// The files and the positions of their keys.
  source where;
  /// Whether `${NAME}` in its strings stands for a variable.
  bool interpolates = true;
};

/// Parses the TOML `text` as a configuration; `file` is its name in problems, and `around` is what it
/// uses besides. Fails with all problems, including warnings, in the order of the files and positions,
/// or with one syntax error of `text`. `check_log` may be null.
inline std::expected<document, std::vector<problem>> read(std::string_view text, std::string file,
                                                          log_check check_log = nullptr,
                                                          surroundings around = {}) {
  auto parsed = detail::parse_toml(text, file);
  if (!parsed) return std::unexpected(std::vector{parsed.error()});

  config out;
  problem_log log(std::move(file), std::move(around));
  detail::complete(*parsed, log);
  toml_reader root(*parsed, "", log);
  root.allow("include");
  root.boolean("interpolate");
  out.log = read_log_settings(root, check_log);
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
  return document{std::move(out), log.take(), std::move(log.origin()),
                  detail::has_interpolation(*parsed)};
}

/// Parses the TOML `text` as a configuration, as `read`, but drops the warnings.
inline std::expected<config, std::vector<problem>> parse(std::string_view text, std::string file) {
  auto out = read(text, std::move(file));
  if (!out) return std::unexpected(std::move(out.error()));
  return std::move(out->settings);
}

}  // namespace rathole::config
