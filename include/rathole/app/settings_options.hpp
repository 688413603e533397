#pragma once

#include <rathole/app/given_settings.hpp>
#include <rathole/config/types.hpp>

#include <CLI/CLI.hpp>

#include <array>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::app {

/// The text at the end of the help of the commands `client` and `server`.
inline constexpr const char* settings_footer =
    "Each flag has a variable, which is used if the flag is not given: RATHOLE_REMOTE for "
    "--remote,\n"
    "RATHOLE_TOKEN_FILE for --token-file, `true` for a flag without a value. RATHOLE_SERVICES has "
    "the\n"
    "services, separated by commas or white space, RATHOLE_REMOTE several servers, separated by "
    "commas,\n"
    "and RATHOLE_TOKEN the token itself, which no "
    "flag\n"
    "has, because every user sees command lines. More can be set in a configuration file.";

/// The parsers of the commands that run a client or a server without a configuration file.
class settings_options {
 public:
  /// Adds the commands to `app`, which must not outlive this object.
  void add(CLI::App& app) {
    add(app, config::side::client, "Run a client by flags and variables, without a file");
    add(app, config::side::server, "Run a server by flags and variables, without a file");
  }

  /// Returns the usage text of the command whose parser is `app`; null if it is none of them.
  [[nodiscard]] const char* usage_of(const CLI::App* app) const {
    if (app == parsers_[0]) {
      return "Usage: rathole client --remote HOST:PORT --service NAME=[udp:]HOST:PORT... "
             "--token-file FILE\n                      [OPTIONS]";
    }
    if (app != parsers_[1]) return nullptr;
    return "Usage: rathole server --bind HOST:PORT --service NAME=[udp:]HOST:PORT... --token-file "
           "FILE\n                      [OPTIONS]";
  }

  /// Returns the side whose command was parsed, if any.
  [[nodiscard]] std::optional<config::side> parsed() const {
    if (parsers_[0]->parsed()) return config::side::client;
    if (parsers_[1]->parsed()) return config::side::server;
    return std::nullopt;
  }

  /// Returns what the command line says.
  [[nodiscard]] given_flags flags() const {
    given_flags out;
    for (const option& each : options_) {
      if (each.parsed->count() == 0) continue;
      const bool is_flag = *each.flag->value == '\0';
      out.values.insert_or_assign(each.flag->name, is_flag ? "true" : each.value);
    }
    out.services = services_;
    return out;
  }

 private:
  /// An option of one of the parsers.
  struct option {
    const setting_flag* flag;
    std::string value = {};
    bool is_on = false;
    CLI::Option* parsed = nullptr;
  };

  void add(CLI::App& app, config::side of, const char* description) {
    const bool is_client = of == config::side::client;
    CLI::App* const command = app.add_subcommand(is_client ? "client" : "server", description);
    parsers_[is_client ? 0 : 1] = command;
    command->footer(settings_footer);
    command
        ->add_option(service_flag, services_,
                     is_client
                         ? "A service and where it is: NAME=HOST:PORT, or NAME=udp:HOST:PORT; "
                           "PORT may be a range, as 8000-8010; can be repeated"
                         : "A service and where its visitors connect: NAME=HOST:PORT, or "
                           "NAME=udp:HOST:PORT; PORT may be a range, as 8000-8010; can be repeated")
        ->type_name("NAME=ADDRESS")
        ->allow_extra_args(false);
    for (const setting_flag& each : setting_flags) {
      if (!each.is_for(of)) continue;
      option& one = options_.emplace_back(&each);
      const std::string name = "--" + std::string(each.name);
      if (*each.value == '\0') {
        one.parsed = command->add_flag(name, one.is_on, each.description);
        continue;
      }
      one.parsed = command->add_option(name, one.value, each.description)->type_name(each.value);
      if (each.name == several_flag) one.parsed->allow_extra_args(false)->join(',');
      if (std::string_view(each.name) == "strategy") {
        one.parsed->check(CLI::IsMember({"failover", "all"}));
      }
      if (std::string_view(each.name) == "transport") {
        one.parsed->check(CLI::IsMember({"tcp", "tls", "noise", "websocket"}));
      }
    }
  }

  std::array<CLI::App*, 2> parsers_{};
  /// Their addresses do not change.
  std::list<option> options_;
  std::vector<std::string> services_;
};

}  // namespace rathole::app
