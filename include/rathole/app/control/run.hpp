#pragma once

#include <rathole/app/control/admin_client.hpp>
#include <rathole/app/control/admin_table.hpp>
#include <rathole/app/control/commands.hpp>
#include <rathole/app/control/endpoint.hpp>
#include <rathole/app/control_arguments.hpp>
#include <rathole/config/limits.hpp>
#include <rathole/core/read_file.hpp>
#include <rathole/core/secret.hpp>
#include <rathole/text/escape.hpp>
#include <rathole/version.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <expected>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace rathole::app::detail::inline RATHOLE_ABI {

/// Returns the first line of `text` as a token.
inline secret first_line(std::string text) {
  text.resize(std::min(text.find_first_of("\r\n"), text.size()));
  return secret(std::move(text));
}

/// Returns the first line of the file at `path`, which may be a pipe, as a token, or why there is none.
inline std::expected<secret, std::string> read_token_file(const std::string& path) {
  auto text = read_file(path, {.size = config::limits::token_file_size,
                               .pipe_timeout = config::limits::pipe_timeout});
  if (!text) {
    return std::unexpected("Cannot read the file of `--token-file`, " + path + ": " + text.error());
  }
  secret token = first_line(std::move(*text));
  if (token.empty()) {
    return std::unexpected("The first line of the file of `--token-file`, " + path + ", is empty");
  }
  return token;
}

/// Returns where the API is and by what token it is asked, as the command line and the configuration file
/// say it. Fails with the errors, as texts.
inline std::expected<admin_endpoint, std::vector<std::string>> find_endpoint(
    const control_arguments& asked, bool as_server, bool as_client) {
  admin_endpoint to;
  if (asked.admin.empty()) {
    const auto options = load_admin_table(asked.config, as_server, as_client);
    if (!options) {
      auto errors = options.error();
      errors.back() += "; a program that runs can be asked with `--admin URL` instead of the file";
      return std::unexpected(std::move(errors));
    }
    to = endpoint_of(*options);
    to.config = asked.config;
    if (to.socket.empty() && to.at.port == 0) {
      return std::unexpected(std::vector<std::string>{
          "The `bind_addr` of the table `admin` of " + asked.config +
          " has the port 0, so the file does not say where the API is; give it a port, or name the "
          "API with `--admin URL`"});
    }
  } else {
    // The command line has been checked.
    to = parse_endpoint(asked.admin).value_or(admin_endpoint());
    if (const char* const token = std::getenv("RATHOLE_ADMIN_TOKEN")) {
      to.token = first_line(token);
      to.token_origin = "the variable RATHOLE_ADMIN_TOKEN";
    }
  }
  if (!asked.token_file.empty()) {
    auto token = read_token_file(asked.token_file);
    if (!token) return std::unexpected(std::vector{std::move(token.error())});
    to.token = std::move(*token);
    to.token_origin = "`--token-file`";
  }
  if (!asked.ca_file.empty()) {
    if (!to.tls) {
      return std::unexpected(std::vector<std::string>{
          "`--ca-file` is for an admin API by TLS; the one at " + to_string(to) + " has none"});
    }
    to.trusted = asked.ca_file;
  }
  return to;
}

}  // namespace rathole::app::detail::inline RATHOLE_ABI

namespace rathole::app::inline RATHOLE_ABI {

/// Performs a command that asks a running program; returns the exit status. Tables are shortened to
/// `max_width` columns, if there is such a limit.
inline int run_control(const control_arguments& asked, bool as_server, bool as_client,
                       std::ostream& out, std::ostream& err,
                       std::optional<std::size_t> max_width = std::nullopt) {
  auto to = detail::find_endpoint(asked, as_server, as_client);
  if (!to) {
    for (const std::string& each : to.error()) err << "Error: " << text::printable(each) << '\n';
    return EXIT_FAILURE;
  }
  admin_client client(std::move(*to));
  return control(client, out, err, max_width)
      .run({.command = asked.command,
            .operand = asked.operand,
            .service = asked.service,
            .limit = asked.limit,
            .json = asked.json,
            .follow = asked.follow});
}

}  // namespace rathole::app::inline RATHOLE_ABI
