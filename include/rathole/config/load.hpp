#pragma once

#include <rathole/config/include_files.hpp>
#include <rathole/config/key.hpp>
#include <rathole/config/limits.hpp>
#include <rathole/config/own_output.hpp>
#include <rathole/config/parse.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/read_file.hpp>

#include <algorithm>
#include <expected>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::config {

namespace detail {

/// Returns the logs of `of` that would be written into files on which it depends, as `includes` knows, or which it
/// would include once they exist.
inline std::vector<problem> logs_in_configuration(const document& of,
                                                  const include_files& includes) {
  std::vector<problem> out;
  const std::vector<std::string> files = includes.paths().files;
  const auto check = [&](const char* key, const std::optional<std::string>& log) {
    if (!log) return;
    const bool is_part = std::ranges::any_of(files, [&](const std::string& file) {
      std::error_code ignored;
      return std::filesystem::equivalent(*log, file, ignored);
    });
    if (!is_part && !includes.would_read(*log)) return;
    out.push_back(of.where.locate(problem{
        .key = key, .what = "this is a file of the configuration", .remedy = "name another file"}));
  };
  check("log_file", of.settings.log.file);
  check("access_log", of.settings.log.access);
  return out;
}

/// Returns the Unix-domain sockets of `of` that would be made where it includes a file of that name.
inline std::vector<problem> sockets_in_configuration(const document& of,
                                                     const include_files& includes) {
  std::vector<problem> out;
  const auto check = [&](const std::string& key, const address_list& where) {
    const bool is_part = std::ranges::any_of(where, [&includes](const address& each) {
      return each.has_socket_file() && includes.would_read(std::string(each.unix_path()));
    });
    if (!is_part) return;
    out.push_back(of.where.locate(
        problem{.key = key,
                .what = "a file at the path of this socket would be a part of the configuration",
                .remedy = "name another folder, or a name that is not included"}));
  };
  const auto check_admin = [&check](side of_side, const std::optional<admin_options>& value) {
    if (value) check(std::string(name_of(of_side)) + ".admin.bind_addr", address(value->bind_addr));
  };
  if (const auto& server = of.settings.server) {
    check("server.bind_addr", server->bind_addr);
    check_admin(side::server, server->admin);
    for (const server_service& each : server->services) {
      check(key_path("server.services", each.name) + ".bind_addr", each.bind_addr);
    }
  }
  if (const auto& client = of.settings.client) check_admin(side::client, client->admin);
  return out;
}

/// Returns what `of` would make in files on which it depends, as `includes` knows, or which it would include.
inline std::vector<problem> conflicts_of(const document& of, const include_files& includes) {
  auto out = logs_in_configuration(of, includes);
  std::ranges::move(sockets_in_configuration(of, includes), std::back_inserter(out));
  return out;
}

/// Returns `of`, or its conflicts with what it depends on; see `conflicts_of`.
inline std::expected<document, std::vector<problem>> without_conflicts(
    std::expected<document, std::vector<problem>> of, const include_files& includes) {
  if (!of) return of;
  auto conflicts = conflicts_of(*of, includes);
  if (!conflicts.empty()) return std::unexpected(std::move(conflicts));
  return of;
}

/// Returns the surroundings of a configuration that is read again; `includes` records on which files it
/// depends.
inline surroundings around(include_files& includes) {
  includes.restart();
  surroundings out;
  out.depends_on = [&includes](const std::string& file) { includes.depends_on(file); };
  return out;
}

}  // namespace detail

/// Parses the TOML `text` of a configuration that comes from no file; see `read` and
/// `surroundings::key_names`. `includes`, made for an empty path, knows afterwards on which files the
/// configuration depends, also if it has problems.
inline std::expected<document, std::vector<problem>> load_text(
    std::string_view text, std::map<std::string, std::string, std::less<>> key_names,
    include_files& includes, log_check check_log) {
  surroundings around = detail::around(includes);
  around.key_names = std::move(key_names);
  return detail::without_conflicts(read(text, "", check_log, std::move(around)), includes);
}

/// Reads and parses the file at `path` and the files that it includes; see `read`. If the file cannot
/// be read, or has more than `limits::file_size` bytes, it fails with a problem without a position. A
/// pipe, such as a shell's <(...), may take `pipe_timeout` to deliver; 0 refuses pipes, for callers
/// that must not wait. `includes`, made for the same path, reads the other files, and knows
/// afterwards on which paths the configuration depends, also if it has problems.
inline std::expected<document, std::vector<problem>> load_document(const std::string& path,
                                                                   include_files& includes,
                                                                   log_check check_log,
                                                                   duration pipe_timeout) {
  if (is_own_output(path)) {
    return std::unexpected(std::vector<problem>{
        {.file = path, .what = own_output_problem, .remedy = own_output_remedy}});
  }
  const auto text = read_file(path, {.size = limits::file_size, .pipe_timeout = pipe_timeout});
  if (text) {
    surroundings around = detail::around(includes);
    around.files = [&includes](const std::string& pattern) { return includes.read(pattern); };
    return detail::without_conflicts(read(*text, path, check_log, std::move(around)), includes);
  }
  return std::unexpected(
      std::vector<problem>{{.file = path,
                            .what = "Failed to read the config \"" + path + "\": " + text.error(),
                            .remedy = "name a readable configuration file"}});
}

/// Reads and parses the file at `path` and the files that it includes, as above.
inline std::expected<document, std::vector<problem>> load_document(
    const std::string& path, log_check check_log = nullptr,
    duration pipe_timeout = limits::pipe_timeout) {
  include_files includes(path);
  return load_document(path, includes, check_log, pipe_timeout);
}

/// Reads and parses the file at `path`, as `load_document`, but drops the warnings.
inline std::expected<config, std::vector<problem>> load(
    const std::string& path, duration pipe_timeout = limits::pipe_timeout) {
  auto out = load_document(path, nullptr, pipe_timeout);
  if (!out) return std::unexpected(std::move(out.error()));
  return std::move(out->settings);
}

}  // namespace rathole::config
