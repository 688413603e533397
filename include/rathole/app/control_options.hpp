#pragma once

#include <rathole/app/control/endpoint.hpp>
#include <rathole/app/control_arguments.hpp>

#include <CLI/CLI.hpp>

#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::app {

/// The text at the end of the help of a command that asks a running program.
inline constexpr const char* control_footer =
    "CONFIG must have the table [server.admin] or [client.admin]; nothing else in it is read.\n"
    "The token is that of --token-file, else that of CONFIG, or of the variable\n"
    "RATHOLE_ADMIN_TOKEN with --admin.\n\n"
    "Exit status:\n"
    "  0  the command was obeyed\n"
    "  1  it was not, or the running program cannot be asked\n"
    "  2  the command line is wrong\n"
    "  3  status: the running program is not ready";

/// Returns the usage text of a command that asks a running program.
inline std::string control_usage(const control_command& of) {
  std::string operand;
  if (of.operand) {
    operand = of.is_optional ? std::string(" [") + of.operand + ']' : std::string(" ") + of.operand;
  }
  const std::string start = "rathole " + std::string(of.name) + " [OPTIONS] ";
  return "Usage: " + start + "CONFIG" + operand + "\n       " + start + "--admin URL" + operand;
}

/// The parsers of the commands that ask a running program.
class control_options {
 public:
  /// Adds the commands to `app`. Their arguments are written to `to`, and the flags of the side to
  /// `as_server` and `as_client`. All of them must outlive the parsers.
  void add(CLI::App& app, control_arguments& to, bool& as_server, bool& as_client) {
    for (const control_command& each : control_commands) {
      CLI::App* const command = app.add_subcommand(each.name, each.description);
      command->footer(control_footer);
      add_words(*command, each);
      command
          ->add_option("--admin", to.admin,
                       "Where the admin API is, instead of CONFIG: unix:PATH, http://HOST:PORT or "
                       "https://HOST:PORT")
          ->type_name("URL");
      command
          ->add_option("--token-file", to.token_file,
                       "The file with the token in its first line, or a pipe")
          ->type_name("FILE");
      command
          ->add_option("--ca-file", to.ca_file,
                       "The PEM file of the certificates to trust for https://, instead of those "
                       "of this machine")
          ->type_name("FILE");
      command->add_flag("--json", to.json, "Print the answer as JSON");
      auto* server = command->add_flag("-s,--server", as_server, "Ask the server of CONFIG");
      auto* client = command->add_flag("-c,--client", as_client, "Ask the client of CONFIG");
      server->excludes(client);
      const std::string_view name = each.name;
      if (name == "connections") {
        command->add_option("--service", to.service, "Only those of this service")
            ->type_name("NAME");
        command->add_option("--limit", to.limit, "List at most so many")
            ->type_name("N")
            ->check(CLI::Range(1, 10'000));
      }
      if (name == "events") {
        command->add_flag("-f,--follow", to.follow, "Print those to come, too");
      }
      parsers_.emplace_back(&each, command);
    }
  }

  /// Returns the command whose parser is `app`; null if there is none.
  [[nodiscard]] const control_command* find(const CLI::App* app) const {
    for (const auto& [command, parser] : parsers_) {
      if (parser == app) return command;
    }
    return nullptr;
  }

  /// Sorts the words of the command that was parsed, if there is one; returns what is wrong with them,
  /// empty if nothing is.
  std::string take_words(control_arguments& to) const {
    for (const auto& [command, parser] : parsers_) {
      if (parser->parsed()) return take_words(to, *command, *parser);
    }
    return {};
  }

 private:
  /// The name of a word that is one too many.
  static constexpr const char* excess = "EXCESS";

  void add_words(CLI::App& parser, const control_command& of) {
    parser
        .add_option("CONFIG", words_[0],
                    "The configuration file of the running program; left out with --admin")
        ->type_name("");
    // Without an operand a second word is one too many.
    auto* const second = parser.add_option(of.operand ? of.operand : excess, words_[1],
                                           of.operand ? of.operand_description : "");
    second->type_name("");
    if (!of.operand) second->group("");
  }

  /// Returns whether a word of the command line is there, but empty.
  [[nodiscard]] bool has_empty_word(const CLI::App& parser, const control_command& command) const {
    const char* const second = command.operand ? command.operand : excess;
    return (parser.count("CONFIG") > 0 && words_[0].empty()) ||
           (parser.count(second) > 0 && words_[1].empty());
  }

  std::string take_words(control_arguments& to, const control_command& command,
                         const CLI::App& parser) const {
    const bool is_by_address = parser.count("--admin") > 0;
    to.command = command.name;
    if (has_empty_word(parser, command)) return to.command + " takes no empty word";
    std::vector<std::string> words;
    for (const std::string& each : words_) {
      if (!each.empty()) words.push_back(each);
    }
    if (is_by_address) {
      if (const auto at = parse_endpoint(to.admin); !at) {
        return "--admin is not unix:PATH, http://HOST:PORT or https://HOST:PORT";
      } else if (!to.ca_file.empty() && !at->tls) {
        return "--ca-file is for https://HOST:PORT";
      }
    } else {
      if (words.empty()) return to.command + " needs CONFIG or --admin";
      to.config = words.front();
      words.erase(words.begin());
    }
    if (command.operand && !words.empty()) {
      to.operand = words.front();
      words.erase(words.begin());
    }
    if (!words.empty() && is_by_address) {
      return to.command + " takes CONFIG or --admin, not both";
    }
    if (!words.empty()) return to.command + " takes no further word: " + words.front();
    if (command.operand && !command.is_optional && to.operand.empty()) {
      return to.command + " needs " + command.operand;
    }
    std::uint64_t number = 0;
    const char* const end = to.operand.data() + to.operand.size();
    const auto read = std::from_chars(to.operand.data(), end, number);
    if (command.is_number && (read.ec != std::errc() || read.ptr != end)) {
      return to.command + ": " + command.operand + " is a number, as `connections` lists it";
    }
    return {};
  }

  /// The commands with their parsers.
  std::vector<std::pair<const control_command*, CLI::App*>> parsers_;
  /// The words of a command, such as CONFIG.
  std::array<std::string, 2> words_;
};

}  // namespace rathole::app
