#pragma once

#include <rathole/config/key.hpp>
#include <rathole/config/parse.hpp>
#include <rathole/config/toml.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/config/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace rathole::config {

namespace detail {

/// Returns what is at `node`; nothing if it has something that no setting is.
inline std::optional<value> to_value(const toml::node& node);

/// Returns the content of `from`, without what no setting is.
inline value_table to_table(const toml::table& from) {
  value_table out;
  for (const auto& [key, node] : from) {
    if (auto each = to_value(node)) out.emplace(std::string(key.str()), std::move(*each));
  }
  return out;
}

inline std::optional<value> to_value(const toml::node& node) {
  if (const auto* text = node.as_string()) return value(text->get());
  if (const auto* number = node.as_integer()) return value(number->get());
  if (const auto* flag = node.as_boolean()) return value(flag->get());
  if (const auto* inner = node.as_table()) return value(to_table(*inner));
  const auto* array = node.as_array();
  if (!array) return std::nullopt;
  std::vector<std::string> texts;
  for (const toml::node& each : *array) {
    const auto* text = each.as_string();
    if (!text) return std::nullopt;
    texts.push_back(text->get());
  }
  return value(std::move(texts));
}

/// Returns `text` as a basic string of TOML.
inline std::string quote_text(std::string_view text) {
  // A key in quotes has the same form.
  std::string out = quote_key(text);
  return out.starts_with('"') ? out : '"' + out + '"';
}

/// Appends the keys of `from` as lines, and its tables with headers below the path `path`.
inline void append_table(std::string& out, const std::string& path, const value_table& from) {
  out += '[' + path + "]\n";
  const auto is_table = [](const value& each) { return std::holds_alternative<value_table>(each); };
  for (const auto& [key, each] : from) {
    if (is_table(each)) continue;
    out += quote_key(key) + " = ";
    if (const auto* text = std::get_if<std::string>(&each)) out += quote_text(*text);
    if (const auto* flag = std::get_if<bool>(&each)) out += *flag ? "true" : "false";
    if (const auto* number = std::get_if<std::int64_t>(&each)) out += std::to_string(*number);
    if (const auto* texts = std::get_if<std::vector<std::string>>(&each)) {
      std::string list;
      for (const std::string& one : *texts) list += (list.empty() ? "" : ", ") + quote_text(one);
      out += '[' + list + ']';
    }
    out += '\n';
  }
  for (const auto& [key, each] : from) {
    if (!is_table(each)) continue;
    out += '\n';
    append_table(out, key_path(path, key), std::get<value_table>(each));
  }
}

}  // namespace detail

/// Returns the path of the table of the service `name` of the side `of`.
inline std::string service_key(side of, std::string_view name) {
  return key_path(std::string(name_of(of)) + ".services", name);
}

/// Returns a file that has only the table `settings` at the path `path`.
inline std::string table_text(const std::string& path, const value_table& settings) {
  std::string out;
  detail::append_table(out, path, settings);
  return out;
}

/// Returns a file that has only the service `name` of the side `of`, with `settings`.
inline std::string service_text(side of, std::string_view name, const value_table& settings) {
  return table_text(service_key(of, name), settings);
}

/// Returns the settings of the service `name` of the side `of` in `text`, the content of one file;
/// nothing if there is no such service, or the text is no TOML.
inline std::optional<value_table> service_settings(std::string_view text, side of,
                                                   std::string_view name) {
  const auto parsed = detail::parse_toml(text, "");
  if (!parsed) return std::nullopt;
  const toml::table* const found = (*parsed)[name_of(of)]["services"][name].as_table();
  if (!found) return std::nullopt;
  return detail::to_table(*found);
}

/// Returns whether `${NAME}` in a configuration whose main file has the content `text` stands for a variable;
/// true if that cannot be known.
inline bool replaces_variables(std::string_view text) {
  const auto parsed = detail::parse_toml(text, "");
  return !parsed || detail::has_interpolation(*parsed);
}

}  // namespace rathole::config
