#pragma once

#include <rathole/app/setting_flags.hpp>
#include <rathole/app/split_list.hpp>
#include <rathole/config/interpolation.hpp>
#include <rathole/config/key.hpp>
#include <rathole/config/port_range.hpp>
#include <rathole/config/toml_service.hpp>
#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/config/value.hpp>
#include <rathole/core/address.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace rathole::app {

/// What the command line says of settings: the values of flags by their names.
struct given_flags {
  /// The values by the names of the flags, without dashes; `true` for a boolean.
  std::map<std::string, std::string, std::less<>> values = {};
  /// The values of `--service`.
  std::vector<std::string> services = {};
};

/// Settings that are given without a file, as the text of one.
struct given_settings {
  /// The TOML.
  std::string text = {};
  /// The names by which the user knows the keys, by their paths.
  std::map<std::string, std::string, std::less<>> key_names = {};
  /// What is wrong, as texts; the rest is not complete if there is anything.
  std::vector<std::string> problems = {};
  /// What the user might not expect, as texts.
  std::vector<std::string> warnings = {};
};

namespace detail {

/// Makes the settings of one side from flags and variables.
class settings_maker {
 public:
  settings_maker(config::side of, const given_flags& flags, const config::variable_lookup& lookup)
      : side_(config::name_of(of)), of_(of), flags_(flags), lookup_(lookup) {}

  given_settings make() {
    for (const setting_flag& each : setting_flags) {
      if (each.is_for(of_)) add(each);
    }
    if (!value_of("transport")) add_default_transport();
    add_token();
    add_services();
    add_table();
    name_others();
    out_.text = "interpolate = false\n" + config::table_text(side_, settings_);
    return std::move(out_);
  }

 private:
  /// A value, and whether it is that of a flag or a variable.
  struct given_value {
    std::string text;
    std::string name;
  };

  void fail(std::string what) { out_.problems.push_back(std::move(what)); }

  /// Returns the value of the variable `name`; nothing if it is not set or empty.
  [[nodiscard]] std::optional<std::string> variable(const std::string& name) const {
    auto value = lookup_(name);
    return value && !value->empty() ? value : std::nullopt;
  }

  [[nodiscard]] std::optional<given_value> value_of(std::string_view flag) const {
    const auto found = flags_.values.find(flag);
    if (found != flags_.values.end()) return given_value{found->second, "--" + std::string(flag)};
    std::string name = variable_of(flag);
    if (auto value = variable(name)) return given_value{std::move(*value), std::move(name)};
    return std::nullopt;
  }

  /// Returns whether `text` can be in a configuration.
  bool is_text(const std::string& text, const std::string& name) {
    if (config::detail::is_utf8(text)) return true;
    fail(name + " is not UTF-8");
    return false;
  }

  /// Returns the table of the path `path` below the side, and leaves its last part in `path`.
  config::value_table& table_of(std::string_view& path) {
    config::value_table* at = &settings_;
    for (auto dot = path.find('.'); dot != path.npos; dot = path.find('.')) {
      const auto [inner, is_new] =
          at->try_emplace(std::string(path.substr(0, dot)), config::value_table());
      at = &std::get<config::value_table>(inner->second);
      path.remove_prefix(dot + 1);
    }
    return *at;
  }

  void add(const setting_flag& flag) {
    const auto given = value_of(flag.name);
    const bool is_required = std::string_view(flag.value) == "HOST:PORT";
    if (!given) {
      if (is_required) {
        fail("--" + std::string(flag.name) + ' ' + flag.value + " is missing, and so is " +
             variable_of(flag.name));
      }
      return;
    }
    if (!is_text(given->text, given->name)) return;
    const bool may_be_list = flag.name == several_flag;
    const auto texts = may_be_list ? split_list(given->text) : std::vector{given->text};
    const auto is_address = [](const std::string& text) { return parse_address(text).has_value(); };
    if (is_required && !std::ranges::all_of(texts, is_address)) {
      return fail(given->name + " is not an address of the form HOST:PORT");
    }
    const bool is_flag = *flag.value == '\0';
    if (is_flag && given->text != "true" && given->text != "false") {
      return fail(given->name + " is neither `true` nor `false`");
    }
    std::string_view key = flag.key;
    config::value_table& table = table_of(key);
    if (is_flag) {
      table.insert_or_assign(std::string(key), given->text == "true");
    } else if (texts.size() > 1) {
      table.insert_or_assign(std::string(key), texts);
    } else {
      table.insert_or_assign(std::string(key), given->text);
    }
    std::string path = side_ + '.' + flag.key;
    // A problem of a whole table is that of the first setting in it.
    if (path.ends_with('.' + std::string(key)) && key != flag.key) {
      out_.key_names.try_emplace(path.substr(0, path.size() - key.size() - 1), given->name);
    }
    out_.key_names.insert_or_assign(std::move(path), given->name);
  }

  void add_token() {
    const bool has_file_flag = flags_.values.contains("token-file");
    const bool has_file = has_file_flag || variable("RATHOLE_TOKEN_FILE");
    auto token = variable(token_variable);
    if (!has_file && !token) {
      return fail("--token-file FILE is missing, and so are RATHOLE_TOKEN_FILE and RATHOLE_TOKEN");
    }
    // A flag takes precedence over variables.
    if (!token || has_file_flag) return;
    if (has_file)
      return fail("both RATHOLE_TOKEN and RATHOLE_TOKEN_FILE are set; keep one of them");
    if (!is_text(*token, token_variable)) return;
    settings_.insert_or_assign("default_token", std::move(*token));
    out_.key_names.insert_or_assign(side_ + ".default_token", token_variable);
  }

  void add_services() {
    std::vector<given_value> given;
    for (const std::string& each : flags_.services) given.push_back({each, service_flag});
    if (given.empty()) {
      std::string_view rest;
      const auto list = variable(services_variable);
      if (list) rest = *list;
      while (!rest.empty()) {
        const auto end = std::min(rest.find_first_of(", \n\t"), rest.size());
        if (end > 0) given.push_back({std::string(rest.substr(0, end)), services_variable});
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
    }
    if (given.empty()) {
      return fail("--service NAME=[udp:]HOST:PORT is missing, and so is RATHOLE_SERVICES");
    }
    config::value_table services;
    for (const given_value& each : given) add_service(services, each);
    settings_.insert_or_assign("services", std::move(services));
  }

  void add_service(config::value_table& to, const given_value& given) {
    if (!is_text(given.text, given.name)) return;
    const auto equals = given.text.find('=');
    if (equals == given.text.npos || equals == 0) {
      return fail(given.name + ": a service is written NAME=HOST:PORT or NAME=udp:HOST:PORT");
    }
    const std::string name = given.text.substr(0, equals);
    std::string_view where = std::string_view(given.text).substr(equals + 1);
    config::value_table service;
    constexpr std::string_view udp = "udp:";
    if (where.starts_with(udp)) {
      where.remove_prefix(udp.size());
      service.insert_or_assign("type", std::string("udp"));
    }
    const std::string label = given.name + ' ' + config::quote_key(name);
    if (config::has_port_range(where)) {
      const auto range = config::parse_ranged_address(where);
      const char* const usage =
          "write it like `NAME=127.0.0.1:8000-8010`, an IPv6 address in brackets";
      if (!range) {
        const auto& [what, remedy] = range.error();
        return fail(label + ": " + what + "; " + (remedy.empty() ? usage : remedy));
      }
    } else if (!parse_address(where)) {
      return fail(label + ": not an address of the form HOST:PORT or udp:HOST:PORT");
    }
    const char* const key = of_ == config::side::client ? "local_addr" : "bind_addr";
    service.insert_or_assign(key, std::string(where));
    if (!to.try_emplace(name, std::move(service)).second) {
      return fail(label + ": there are two services of this name");
    }
    out_.key_names.insert_or_assign(config::service_key(of_, name), label);
  }

  /// Says which transport is meant if there are settings of one: the default one, unless they are for another.
  void add_default_transport() {
    constexpr std::string_view prefix = "transport.";
    for (const setting_flag& each : setting_flags) {
      const std::string_view key = each.key;
      const auto given = each.is_for(of_) ? value_of(each.name) : std::nullopt;
      if (!given || !key.starts_with(prefix)) continue;
      const std::string_view rest = key.substr(prefix.size());
      const auto dot = rest.find('.');
      if (dot == rest.npos) {
        std::string_view type = "transport.type";
        table_of(type).try_emplace("type", "tcp");
        continue;
      }
      const std::string kind(rest.substr(0, dot));
      fail(given->name + " is for the transport " + kind + "; add --transport " + kind);
    }
  }

  /// Adds the table of the transport, which needs one also without a key.
  void add_table() {
    const auto kind = value_of("transport");
    if (!kind || (kind->text != "tls" && kind->text != "noise" && kind->text != "websocket"))
      return;
    const std::string path = "transport." + kind->text + ".tls";
    std::string_view key = path;
    config::value_table& table = table_of(key);
    // The only key that is required.
    if (kind->text == "websocket") table.try_emplace("tls", false);
    const auto websocket_tls = value_of("websocket-tls");
    if (kind->text == "websocket" && websocket_tls && websocket_tls->text == "true") {
      std::string_view inner = "transport.tls.engine";
      table_of(inner);
    }
    out_.key_names.try_emplace(side_ + ".transport." + kind->text, kind->name);
    out_.key_names.try_emplace(side_ + ".transport", kind->name);
  }

  /// Names the keys that are not given, because problems of others mention them.
  void name_others() {
    for (const setting_flag& each : setting_flags) {
      if (!each.is_for(of_)) continue;
      out_.key_names.try_emplace(side_ + '.' + each.key, "--" + std::string(each.name));
    }
  }

  const std::string side_;
  const config::side of_;
  const given_flags& flags_;
  const config::variable_lookup& lookup_;
  config::value_table settings_;
  given_settings out_;
};

}  // namespace detail

/// Makes the settings of the side `of` from `flags`, and from variables where there is no flag. Services
/// come from the flags or from the variable. A flag that the side does not have must not be in `flags`.
inline given_settings make_settings(config::side of, const given_flags& flags,
                                    const config::variable_lookup& variables) {
  return detail::settings_maker(of, flags, variables).make();
}

}  // namespace rathole::app
