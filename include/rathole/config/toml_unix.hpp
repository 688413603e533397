#pragma once

#include <rathole/config/socket_owner.hpp>
#include <rathole/config/toml_path.hpp>
#include <rathole/config/toml_reader.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/socket_permissions.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::config::detail {

/// Returns the address of the Unix-domain socket with the path or abstract name `path`, a value of `key`. A
/// relative path belongs to the folder of the configuration file. Reports an error and returns an empty
/// address if it is none.
inline address to_unix_address(const toml_reader& table, std::string_view key,
                               std::string_view path) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::ranges::any_of(path, is_control)) {
    table.reject(key, "a control character in the path of a Unix-domain socket", "remove it");
    return {};
  }
  const bool has_file = !path.empty() && !path.starts_with('@');
  const std::string where = has_file ? path_beside(table, std::string(path)) : std::string(path);
  auto out = unix_address(where);
  if (out) return std::move(*out);
  table.reject(
      key, "the path of a Unix-domain socket has 1 to " + std::to_string(max_unix_path) + " bytes",
      "write it like `unix:/run/rathole/web.sock`, or `unix:@web` for an abstract name");
  return {};
}

/// Reads the permissions `mode` of a Unix-domain socket; nothing if there are none, or if they are wrong, which is
/// reported.
inline std::optional<std::uint16_t> read_mode(toml_reader& table) {
  const auto text = table.string("mode");
  if (!text) return std::nullopt;
  const bool is_octal = !text->empty() && text->size() <= 4 &&
                        (text->size() < 4 || text->front() == '0') &&
                        text->find_first_not_of("01234567") == std::string::npos;
  if (!is_octal) {
    table.reject("mode", "not the permissions of a file", "write an octal number as \"0660\"");
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(std::stoul(*text, nullptr, 8));
}

/// Reads `mode` and `owner`, and returns `where`, the value of `bind_addr`, with them. Warns if no address of it
/// has a file.
inline address_list read_permissions(toml_reader& table, const address_list& where) {
  socket_permissions wanted;
  wanted.mode = read_mode(table).value_or(wanted.mode);
  if (const auto text = table.string("owner")) {
    if (const auto owner = parse_owner(*text)) {
      wanted.owner = owner->user;
      wanted.group = owner->group;
    } else {
      table.reject("owner", owner.error(),
                   "write it like `owner = \"user:group\"`, by names or by numbers");
    }
  }
  std::vector<address> all(where.begin(), where.end());
  for (address& each : all) {
    if (each.has_socket_file()) each.permissions = wanted;
  }
  const bool is_wrong = std::ranges::any_of(
      all, [](const address& each) { return each.host.empty() && !each.is_unix(); });
  if (!is_wrong && std::ranges::none_of(all, &address::has_socket_file)) {
    for (const std::string_view key : {"mode", "owner"}) {
      if (!table.contains(key)) continue;
      table.warn(key, "no `bind_addr` is a Unix-domain socket with a file", "remove it");
    }
  }
  return address_list(std::move(all));
}

}  // namespace rathole::config::detail
