#pragma once

#include <rathole/config/interpolation.hpp>
#include <rathole/config/key.hpp>
#include <rathole/config/parse.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/source.hpp>
#include <rathole/config/toml_client_server.hpp>
#include <rathole/config/toml_reader.hpp>
#include <rathole/config/toml_service.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/config/value.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace rathole::config {

/// What the reader of services says of the settings of one service, without the rest of its configuration and
/// without a look at its token.
class service_reading {
 public:
  /// Reads `settings`, those of the service `name` of the side `of`.
  service_reading(side of, std::string_view name, value_table settings)
      : side_(of), path_(service_key(of, name)), settings_(std::move(settings)) {
    value_table read = settings_;
    for (const std::string_view key : token_keys) {
      if (const auto found = read.find(key); found != read.end()) read.erase(found);
    }
    const auto parsed = detail::parse_toml(service_text(of, name, read), "");
    if (!parsed) return;
    toml::table root = *parsed;
    toml::table* const instance = root[name_of(of)].as_table();
    instance->insert("default_token", "of no service");
    problem_log log("");
    toml_reader table(*instance, name_of(of), log);
    if (of == side::server) {
      read_server(std::move(table));
    } else {
      read_client(std::move(table));
    }
    problems_ = log.take();
    where_ = std::move(log.origin());
  }

  /// Returns the settings that a service may have: without keys that no service has, and without values that
  /// none can have. A value with variables, of which nothing is known, is kept. Returns nothing if the address
  /// is not among them, which every service has.
  [[nodiscard]] std::optional<value_table> valid() const {
    value_table out = valid_part(settings_, path_);
    if (!out.contains(side_ == side::server ? "bind_addr" : "local_addr")) return std::nullopt;
    for (const std::string_view key : token_keys) {
      const auto found = settings_.find(key);
      if (found == settings_.end() || !std::holds_alternative<std::string>(found->second)) continue;
      out.insert(*found);
    }
    return out;
  }

  /// Returns a problem, without a position, for each key that no service has.
  [[nodiscard]] std::vector<problem> unknown() const {
    std::vector<problem> out;
    for (const problem& each : problems_) {
      const bool is_here = each.key.starts_with(path_ + '.') && each.level == severity::error;
      if (!is_here || where_.find(each.key)) continue;
      out.push_back({.key = each.key, .what = each.what, .remedy = each.remedy});
    }
    return out;
  }

 private:
  static constexpr std::string_view token_keys[] = {"token", "token_file"};

  static bool may_be_replaced(const value& of) {
    if (const auto* const text = std::get_if<std::string>(&of)) return has_variables(*text);
    const auto* const texts = std::get_if<std::vector<std::string>>(&of);
    return texts && std::ranges::any_of(*texts, has_variables);
  }

  [[nodiscard]] bool is_wrong(const std::string& path) const {
    return std::ranges::any_of(problems_, [&path](const problem& each) {
      return each.level == severity::error && each.key == path;
    });
  }

  [[nodiscard]] value_table valid_part(const value_table& of, const std::string& path) const {
    value_table out;
    for (const auto& [key, each] : of) {
      const std::string own_path = key_path(path, key);
      if (!where_.find(own_path)) continue;
      if (const auto* const table = std::get_if<value_table>(&each)) {
        // Whether its values suit each other depends on the rest of the configuration.
        value_table part = valid_part(*table, own_path);
        if (!part.empty()) out.emplace(key, std::move(part));
      } else if (may_be_replaced(each) || !is_wrong(own_path)) {
        out.emplace(key, each);
      }
    }
    return out;
  }

  const side side_;
  const std::string path_;
  const value_table settings_;
  source where_ = "";
  std::vector<problem> problems_;
};

}  // namespace rathole::config
