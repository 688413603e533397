#pragma once

#include <rathole/config/limits.hpp>
#include <rathole/config/port_range.hpp>
#include <rathole/config/toml_reader.hpp>
#include <rathole/config/toml_unix.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::config {

/// Reads a duration in whole seconds from `least` to `most`; returns `fallback` if the key is
/// absent.
inline milliseconds read_seconds(toml_reader& table, std::string_view key, milliseconds fallback,
                                 std::int64_t least, std::int64_t most = limits::duration_seconds) {
  const auto value = table.integer<std::int64_t>(key, least, most);
  return value ? milliseconds(seconds(*value)) : fallback;
}

/// How the addresses of a service are written.
enum class address_form {
  /// As `host:port` or `unix:PATH`.
  usual,
  /// Also as the path of a Unix-domain socket without the prefix.
  path
};

namespace detail {

/// Returns the address that `text`, a value of `key`, names. Reports an error and returns an empty
/// address if it is none.
inline address to_address(const toml_reader& table, std::string_view key, const std::string& text,
                          const std::string& usage, address_form form) {
  if (form == address_form::path && !text.starts_with(unix_prefix)) {
    return to_unix_address(table, key, text);
  }
  if (is_unix_text(text)) {
    return to_unix_address(table, key, std::string_view(text).substr(unix_prefix.size()));
  }
  auto value = parse_address(text);
  if (value) return std::move(*value);
  if (text.starts_with("*:")) {
    table.reject(key, "`*` is not an address",
                 "write `0.0.0.0` for all IPv4 addresses, or `[::]` for all addresses");
    return {};
  }
  if (has_port_range(text)) {
    table.reject(key, "only addresses of services have a range of ports", "name one port");
    return {};
  }
  if (text.contains('/')) {
    table.reject(key, "not an address of the form host:port",
                 "write a Unix-domain socket like `unix:/run/rathole/web.sock`");
    return {};
  }
  if (text.size() > max_host_name && text.rfind(':') > max_host_name) {
    table.reject(key, "the host name is too long",
                 "a name has at most " + std::to_string(max_host_name) + " characters");
    return {};
  }
  const auto digits = text.substr(text.rfind(':') + 1);
  const bool is_number = text.contains(':') && !digits.empty() &&
                         digits.find_first_not_of("0123456789") == digits.npos;
  if (is_number && parse_address(text.substr(0, text.rfind(':')) + ":0")) {
    table.reject(key, "the port is above 65535", "use a port from 1 to 65535");
    return {};
  }
  table.reject(key, "not an address of the form host:port",
               "write it like `" + usage + "`, an IPv6 address in brackets");
  return {};
}

/// Returns whether `text` is several addresses with commas between them, which belong in a list.
inline bool is_joined_list(std::string_view text) {
  const auto is_address = [](std::string_view part) {
    const auto first = part.find_first_not_of(' ');
    if (first == part.npos) return false;
    part = part.substr(first, part.find_last_not_of(' ') + 1 - first);
    return parse_address(part).has_value() || has_port_range(part);
  };
  if (!text.contains(',') || is_unix_text(text)) return false;
  while (true) {
    const auto end = text.find(',');
    if (!is_address(text.substr(0, end))) return false;
    if (end == text.npos) return true;
    text.remove_prefix(end + 1);
  }
}

/// Returns what to write instead of several addresses in one text; `ports` is an example of their ports.
inline std::string joined_list_remedy(std::string_view key, const std::string& ports) {
  return "write a list like `" + std::string(key) + " = [\"a" + ports + "\", \"b" + ports + "\"]`";
}

/// Returns an example of a valid line for `key`, and reports the key as missing if it is absent.
inline std::string address_usage(toml_reader& table, std::string_view key,
                                 std::string_view example) {
  std::string usage = std::string(key) + " = \"" + std::string(example) + '"';
  if (!table.contains(key)) table.missing(key, "add `" + usage + '`');
  return usage;
}

}  // namespace detail

/// Reads a required address. Reports an error and returns an empty address if it is missing or
/// malformed.
inline address read_address(toml_reader& table, std::string_view key, std::string_view example,
                            address_form form = address_form::usual) {
  const std::string usage = detail::address_usage(table, key, example);
  const auto text = table.string(key);
  if (!text) return {};
  address out = detail::to_address(table, key, *text, usage, form);
  if (!out.host.empty() && !out.is_unix() && out.port == 0) {
    table.warn(key, "nothing can be reached at port 0", "name the port");
  }
  return out;
}

/// Reads a required address or list of at most `most` addresses. Reports an error and returns one empty
/// address if it is missing.
inline address_list read_addresses(toml_reader& table, std::string_view key,
                                   std::string_view example,
                                   address_form form = address_form::usual,
                                   std::size_t most = limits::bind_addresses) {
  const std::string usage = detail::address_usage(table, key, example);
  const auto texts = table.string_or_strings(key, most, "write it like `" + usage + '`');
  if (!texts) return address();
  address_list out;
  for (const std::string& text : *texts) {
    if (form == address_form::usual && detail::is_joined_list(text)) {
      table.reject(key, "several addresses in one text", detail::joined_list_remedy(key, ":80"));
      out.push_back(address());
      continue;
    }
    out.push_back(detail::to_address(table, key, text, usage, form));
  }
  return out;
}

/// A word in the file and the value that it stands for.
template <class Enum>
using spelling = std::pair<std::string_view, Enum>;

/// Reads one of the words in `spellings`, which are compared exactly.
template <class Enum, std::size_t N>
std::optional<Enum> read_enum(toml_reader& table, std::string_view key,
                              const std::array<spelling<Enum>, N>& spellings) {
  std::string names;
  for (const auto& [name, value] : spellings) {
    names += (names.empty() ? "`" : ", `") + std::string(name) + '`';
  }
  const auto text = table.string(key, "write one of " + names + " in quotes");
  if (!text) return std::nullopt;
  for (const auto& [name, value] : spellings) {
    if (*text == name) return value;
  }
  table.reject(key, "unknown variant", "expected one of " + names);
  return std::nullopt;
}

}  // namespace rathole::config
