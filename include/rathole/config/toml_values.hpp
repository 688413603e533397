#pragma once

#include <rathole/config/limits.hpp>
#include <rathole/config/toml_reader.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::config {

/// Reads a duration that the file gives in whole seconds, from `least` to `most`; `fallback` where
/// the key is absent.
inline milliseconds read_seconds(toml_reader& table, std::string_view key, milliseconds fallback,
                                 std::int64_t least, std::int64_t most = limits::duration_seconds) {
  const auto value = table.integer<std::int64_t>(key, least, most);
  return value ? milliseconds(seconds(*value)) : fallback;
}

/// Reads an address that must be there; an empty one where it is not.
inline address read_address(toml_reader& table, std::string_view key, std::string_view example) {
  const std::string usage = std::string(key) + " = \"" + std::string(example) + '"';
  if (!table.contains(key)) table.missing(key, "add `" + usage + '`');
  const auto text = table.string(key);
  if (!text) return {};
  auto value = parse_address(*text);
  if (!value) {
    table.reject(key, "not an address of the form host:port",
                 "write it like `" + usage + "`, an IPv6 address in brackets");
    return {};
  }
  return std::move(*value);
}

/// A name in the file and what it stands for.
template <class Enum>
using spelling = std::pair<std::string_view, Enum>;

/// Reads one of the names in `spellings`, which are compared exactly.
template <class Enum, std::size_t N>
std::optional<Enum> read_enum(toml_reader& table, std::string_view key,
                              const std::array<spelling<Enum>, N>& spellings) {
  const auto text = table.string(key);
  if (!text) return std::nullopt;
  std::string names;
  for (const auto& [name, value] : spellings) {
    if (*text == name) return value;
    names += (names.empty() ? "`" : ", `") + std::string(name) + '`';
  }
  table.reject(key, "unknown variant", "expected one of " + names);
  return std::nullopt;
}

}  // namespace rathole::config
