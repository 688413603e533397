#pragma once

#include <rathole/app/admin_part.hpp>
#include <rathole/app/build_info.hpp>
#include <rathole/app/control_arguments.hpp>
#include <rathole/app/control_options.hpp>
#include <rathole/app/given_settings.hpp>
#include <rathole/app/man_page.hpp>
#include <rathole/app/settings_options.hpp>
#include <rathole/app/settings_source.hpp>
#include <rathole/app/shell_completions.hpp>
#include <rathole/app/unknown_command.hpp>
#include <rathole/config/surroundings.hpp>
#include <rathole/config/types.hpp>
#include <rathole/transport/missing_part.hpp>
#include <rathole/version.hpp>

#include <CLI/CLI.hpp>

#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::app {

/// The arguments of the command line.
struct arguments {
  /// The path of the configuration file; empty if there is none.
  std::string config = {};
  /// The settings of the commands `client` and `server`, which need no file.
  std::optional<given_settings> given = {};
  /// Whether to run as a server (`--server`).
  bool as_server = false;
  /// Whether to run as a client (`--client`).
  bool as_client = false;
  /// The form of log lines (`--log-format`), if it is given.
  std::optional<config::log_form> log_form = {};
  /// Whether only to check the configuration (`--check`).
  bool check = false;
  /// Whether to show the demonstration, which needs no configuration (`demo`).
  bool demo = false;
  /// Whether the demonstration fetches its own page and ends (`--once`).
  bool once = false;
  /// Whether to find out step by step what happens when the configuration is started (`diagnose`).
  bool diagnose = false;
  /// Whether the diagnosis of a client tries its tokens (`--authenticate`).
  bool authenticate = false;
  /// The curve for which to print a pair of keys (`--genkey`), if any.
  std::optional<std::string> genkey = {};
  /// The command that asks a running program, if there is one.
  control_arguments control = {};
  /// What the program describes of itself (`--describe`): `man`, `bash`, `zsh` or `fish`; empty if
  /// nothing.
  std::string describe = {};

  /// Returns where the configuration comes from.
  [[nodiscard]] settings_source source() const {
    return {config, given.value_or(given_settings())};
  }
};

/// The exit status of the program.
struct exit_status {
  /// The status.
  int value;
};

}  // namespace rathole::app

namespace rathole::app::detail::inline RATHOLE_ABI {

/// The text at the end of the help.
inline constexpr const char* help_footer =
    "A configuration file that is named like a command is given as ./client or ./status.\n\n"
    "Environment:\n"
    "  RATHOLE_LOG, else RUST_LOG, else `log` in the file\n"
    "                              What to log: error, warn, info (default), debug, trace, off, "
    "or\n"
    "                              directives such as warn,rathole::client=debug\n"
    "  NO_COLOR                    No colours, also on a terminal\n"
    "  RATHOLE_ADMIN_TOKEN         The token for --admin\n"
    "  RATHOLE_TOKEN, RATHOLE_...  Settings of the commands client and server; see their help\n"
    "  COLUMNS                     The width of tables, if the terminal does not say it\n\n"
    "A changed configuration file is applied at once, or on SIGHUP; one with problems changes "
    "nothing.\n"
    "SIGINT and SIGTERM let active connections finish; a second one ends them. SIGUSR1 opens the\n"
    "log files again.\n\n"
    "Exit status:\n"
    "  0  stopped by a signal; with --check, the file can be used, perhaps with warnings; with\n"
    "     diagnose, every step worked; a command was obeyed\n"
    "  1  the file has errors, or the program cannot start, or a step of diagnose failed, or the\n"
    "     running program did not obey a command\n"
    "  2  the command line is wrong, or the file is right but asks for a part that this program\n"
    "     does not contain\n"
    "  3  status: the running program is not ready\n"
    "  4  the client has given up, after `client.max_retries`\n"
    "  5  the program cannot listen at an address";

/// The usage text.
inline constexpr const char* usage =
    "Usage: rathole [OPTIONS] CONFIG\n       rathole --genkey [CURVE]\n"
    "       rathole diagnose [--server|--client] [--authenticate] CONFIG\n"
    "       rathole client --remote HOST:PORT --service NAME=HOST:PORT... --token-file FILE [...]\n"
    "       rathole server --bind HOST:PORT --service NAME=HOST:PORT... --token-file FILE [...]\n"
    "       rathole demo [--once]\n"
    "       rathole COMMAND [CONFIG | --admin URL] [OPERAND]";

/// Formats the help with our own usage texts.
struct help_format : CLI::Formatter {
  /// Makes a format; `usage_of` returns the usage text of a parser.
  explicit help_format(std::function<std::string(const CLI::App*)> usage_of)
      : usage_of_(std::move(usage_of)) {}

  /// Returns the usage text.
  std::string make_usage(const CLI::App* app, std::string) const override {
    return '\n' + usage_of_(app) + '\n';
  }

 private:
  std::function<std::string(const CLI::App*)> usage_of_;
};

/// The parser and the arguments that it fills. Compat: options of upstream keep their names and
/// exclusions.
class command_line {
 public:
  /// Defines the options.
  command_line() {
    app_.name("rathole");
    app_.formatter(
        std::make_shared<help_format>([this](const CLI::App* app) { return usage_of(app); }));
    app_.footer(help_footer);
    app_.add_option("CONFIG", out_.config,
                    "The path to the configuration file. Whether to run as a server or a client "
                    "follows from the blocks in it")
        ->type_name("");
    auto* server = app_.add_flag("-s,--server", out_.as_server, "Run as a server");
    auto* client = app_.add_flag("-c,--client", out_.as_client, "Run as a client");
    server->excludes(client);
    app_.add_option("--log-format", log_form_,
                    "Write log lines as `text` or `json`, whatever `log_format` in the file says")
        ->type_name("FORMAT")
        ->check(CLI::IsMember({"text", "json"}));
    app_.add_flag("--check", out_.check,
                  "Print every problem of the configuration and exit; nothing is started");
    app_.add_flag("-V", short_version_, "Print the version and exit");
    app_.add_flag("--version", long_version_, "Print the version and how it was built, and exit");
    genkey_ = app_.add_option("--genkey", curve_,
                              "Print a pair of keys for the transport noise and exit; the only "
                              "curve is x25519")
                  ->type_name("[CURVE]")
                  ->expected(0, 1)
                  ->check(CLI::IsMember({"", "x25519"}));
    if (!transport::built_in::noise) genkey_->group("");
    diagnose_ = app_.add_subcommand(
        "diagnose",
        "Show step by step what happens when CONFIG is started, and what to do about it");
    diagnose_->add_option("CONFIG", diagnosed_, "The path to the configuration file")
        ->type_name("");
    diagnose_->footer(
        "Exit status: 0 if every step worked, 1 if one failed or the file has errors, 2 if the\n"
        "command line is wrong.");
    auto* as_server = diagnose_->add_flag("-s,--server", out_.as_server, "Diagnose the server");
    auto* as_client = diagnose_->add_flag("-c,--client", out_.as_client, "Diagnose the client");
    as_server->excludes(as_client);
    diagnose_->add_flag(
        "--authenticate", out_.authenticate,
        "Try the tokens; displaces a client that serves if `on_conflict` is `replace`");
    settings_.add(app_);
    if (has_admin) control_.add(app_, out_.control, out_.as_server, out_.as_client);
    app_.add_option("--describe", out_.describe, "Print a man page, or completions for a shell")
        ->type_name("man|bash|zsh|fish")
        ->check(CLI::IsMember({"man", "bash", "zsh", "fish"}));
    demo_ = app_.add_subcommand("demo", "Show a tunnel on this machine; needs no configuration");
    demo_->footer("");
    demo_->add_flag("--once", out_.once, "Fetch the page through the tunnel, compare it, and exit");
  }

  /// Parses `words`; see `parse_command_line`.
  std::expected<arguments, exit_status> parse(std::vector<std::string> words, std::ostream& out,
                                              std::ostream& err) {
    // CLI11 takes the words in reverse order.
    std::vector<std::string> reversed(words.rbegin(), words.rend());
    std::string problem = wrong_command(words);
    try {
      app_.parse(std::move(reversed));
    } catch (const CLI::CallForHelp&) {
      out << app_.help();
      return std::unexpected(exit_status{0});
    } catch (const CLI::ParseError& error) {
      return wrong(problem.empty() ? error.what() : problem, err);
    }
    if (short_version_ || long_version_) {
      out << (long_version_ ? version_text() : version_line() + '\n');
      return std::unexpected(exit_status{0});
    }
    if (problem.empty()) problem = inconsistency();
    if (!problem.empty()) return wrong(problem, err);
    if (!out_.describe.empty()) {
      out << description();
      return std::unexpected(exit_status{0});
    }
    return out_;
  }

 private:
  /// Returns what `--describe` asks for.
  [[nodiscard]] std::string description() const {
    if (out_.describe == "man") return man_page(app_, usage, help_footer, version);
    if (out_.describe == "bash") return bash_completion(app_);
    if (out_.describe == "zsh") return zsh_completion(app_);
    return fish_completion(app_);
  }

  /// Returns the usage text of the parser `app`.
  [[nodiscard]] std::string usage_of(const CLI::App* app) const {
    if (const control_command* const found = control_.find(app)) return control_usage(*found);
    if (const char* const found = settings_.usage_of(app)) return found;
    if (app == diagnose_) {
      return "Usage: rathole diagnose [--server|--client] [--authenticate] CONFIG";
    }
    return app == demo_ ? "Usage: rathole demo [--once]" : usage;
  }

  /// Returns what is wrong with the command that `words` name; empty if nothing is.
  [[nodiscard]] std::string wrong_command(const std::vector<std::string>& words) const {
    std::vector<std::string_view> names{"client", "server", "diagnose", "demo"};
    for (const control_command& each : control_commands) {
      if (has_admin) names.emplace_back(each.name);
    }
    return unknown_command(words, names, [](const std::string& path) {
      std::error_code ignored;
      return std::filesystem::exists(path, ignored);
    });
  }

  std::unexpected<exit_status> wrong(const std::string& what, std::ostream& err) const {
    const auto parsed = app_.get_subcommands();
    err << "error: " << what << "\n\n"
        << usage_of(parsed.empty() ? &app_ : parsed.front())
        << "\n\nFor more information try --help\n";
    return std::unexpected(exit_status{2});
  }

  /// Returns what is wrong with a combination of options that the parser cannot check; empty if
  /// nothing is.
  std::string inconsistency() {
    out_.demo = demo_->parsed();
    out_.diagnose = diagnose_->parsed();
    if (genkey_->count() != 0 && !out_.config.empty()) {
      return "CONFIG and --genkey exclude each other";
    }
    if (!log_form_.empty()) {
      out_.log_form = log_form_ == "json" ? config::log_form::json : config::log_form::text;
    }
    const bool has_mode =
        out_.as_server || out_.as_client || out_.check || out_.log_form.has_value();
    if (genkey_->count() != 0) {
      if (out_.demo || out_.diagnose || has_mode) return "--genkey takes no other options";
      if (!transport::built_in::noise) {
        return "--genkey: noise keys are not built into this program";
      }
      out_.genkey = curve_.empty() ? "x25519" : curve_;
      return {};
    }
    if (out_.demo && (has_mode || !out_.config.empty())) {
      return "demo takes no configuration; a file of that name is given as ./demo";
    }
    if (out_.diagnose) {
      if (out_.check || out_.log_form || out_.demo || !out_.config.empty() || diagnosed_.empty()) {
        return "diagnose takes one CONFIG and no other options; a file of that name is given as "
               "./diagnose";
      }
      out_.config = diagnosed_;
    }
    if (const auto side = settings_.parsed()) {
      if (std::string problem = take_settings(*side); !problem.empty()) return problem;
    }
    if (std::string problem = control_.take_words(out_.control); !problem.empty()) return problem;
    const bool is_control = !out_.control.command.empty();
    if (is_control && (out_.check || out_.log_form || !out_.config.empty())) {
      return out_.control.command + " takes no options of a start";
    }
    const bool needs_file = !out_.demo && !is_control && !out_.given && out_.describe.empty();
    if (needs_file && out_.config.empty()) {
      return "CONFIG is required";
    }
    return {};
  }

  /// Takes the settings of the command `client` or `server`; returns what is wrong with them, empty if
  /// nothing is.
  std::string take_settings(config::side side) {
    const std::string name = config::name_of(side);
    const std::string file_hint = "; a file of that name is given as ./" + name;
    const bool has_mode = out_.as_server || out_.as_client;
    if (has_mode || out_.demo || out_.diagnose || !out_.config.empty()) {
      return name + " takes no configuration file, and no --server or --client" + file_hint;
    }
    out_.given = make_settings(side, settings_.flags(), config::environment_variable);
    std::string problems;
    for (const std::string& each : out_.given->problems) {
      problems += (problems.empty() ? "" : "\n       ") + each;
    }
    std::error_code ignored;
    const bool is_file = std::filesystem::is_regular_file(name, ignored);
    if (!problems.empty()) return is_file ? problems + file_hint : problems;
    if (is_file) {
      out_.given->warnings.push_back("The file `" + name + "` is not read; it is given as ./" +
                                     name);
    }
    return {};
  }

  CLI::App app_{"A reverse proxy for NAT traversal"};
  arguments out_;
  std::string log_form_;
  bool short_version_ = false;
  bool long_version_ = false;
  CLI::Option* genkey_ = nullptr;
  std::string curve_;
  CLI::App* demo_ = nullptr;
  CLI::App* diagnose_ = nullptr;
  std::string diagnosed_;
  control_options control_;
  settings_options settings_;
};

}  // namespace rathole::app::detail::inline RATHOLE_ABI

namespace rathole::app::inline RATHOLE_ABI {

/// Parses the command line, without the program's name. Help and version are written to `out` and
/// fail with the status 0; errors are written to `err` and fail with the status 2. In both cases
/// the program must exit.
inline std::expected<arguments, exit_status> parse_command_line(std::vector<std::string> words,
                                                                std::ostream& out,
                                                                std::ostream& err) {
  return detail::command_line().parse(std::move(words), out, err);
}

}  // namespace rathole::app::inline RATHOLE_ABI
