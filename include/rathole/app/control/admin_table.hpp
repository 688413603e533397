#pragma once

#include <rathole/app/mode.hpp>
#include <rathole/config/admin.hpp>
#include <rathole/config/include_files.hpp>
#include <rathole/config/limits.hpp>
#include <rathole/config/parse.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/surroundings.hpp>
#include <rathole/config/toml_admin.hpp>
#include <rathole/config/toml_reader.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/read_file.hpp>

#include <expected>
#include <string>
#include <utility>
#include <vector>

namespace rathole::app {

namespace detail {

/// Returns the texts of the errors among `problems`.
inline std::vector<std::string> errors_of(const std::vector<config::problem>& problems) {
  std::vector<std::string> out;
  for (const config::problem& each : problems) {
    if (each.level == config::severity::error) out.push_back(config::to_string(each));
  }
  return out;
}

}  // namespace detail

/// Reads the table `admin` of one side from the TOML `text` and from the files that it includes, and
/// nothing else: a program that runs can be asked although its file has an error elsewhere. `file` is the
/// name of the file, and `as_server` and `as_client` are the options of the command line. Fails with the
/// errors, as texts; the list is never empty.
inline std::expected<config::admin_options, std::vector<std::string>> read_admin_table(
    const std::string& text, const std::string& file, bool as_server, bool as_client) {
  const auto fail = [](std::string why) {
    return std::unexpected(std::vector<std::string>{std::move(why)});
  };
  auto root = config::detail::parse_toml(text, file);
  if (!root) return fail(config::to_string(root.error()));
  config::include_files includes(file);
  config::surroundings around;
  around.files = [&includes](const std::string& pattern) { return includes.read(pattern); };
  config::problem_log log(file, std::move(around));
  config::detail::complete(*root, log);
  const auto of_includes = detail::errors_of(log.take());

  config::config sides;
  if ((*root)["server"].is_table()) sides.server.emplace();
  if ((*root)["client"].is_table()) sides.client.emplace();
  const bool has_side = sides.server || sides.client;
  const auto mode = select_mode(as_server, as_client, sides);
  // A table that is missing may be in a file that could not be included.
  if ((!has_side || !mode) && !of_includes.empty()) return std::unexpected(of_includes);
  if (!mode) return fail(mode.error() + " (" + file + ')');
  if (!has_side) return fail(file + ": Neither of `[server]` or `[client]` is defined");
  const std::string side = config::name_of(*mode);
  const auto* const table = (*root)[side]["admin"].as_table();
  if (!table && !of_includes.empty()) return std::unexpected(of_includes);
  if (!table)
    return fail(file + " has no [" + side +
                ".admin]; add it, and have the program reload its file (SIGHUP) if it runs");
  auto options = config::read_admin(config::toml_reader(*table, side + ".admin", log));
  auto errors = detail::errors_of(log.take());
  if (!errors.empty()) return std::unexpected(std::move(errors));
  return options;
}

/// Reads the table `admin` of one side of the file at `path`, which may be a pipe; see `read_admin_table`.
inline std::expected<config::admin_options, std::vector<std::string>> load_admin_table(
    const std::string& path, bool as_server, bool as_client) {
  const auto text = read_file(
      path, {.size = config::limits::file_size, .pipe_timeout = config::limits::pipe_timeout});
  if (text) return read_admin_table(*text, path, as_server, as_client);
  return std::unexpected(
      std::vector<std::string>{"Failed to read the config \"" + path + "\": " + text.error()});
}

}  // namespace rathole::app
