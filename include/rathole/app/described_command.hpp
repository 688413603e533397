#pragma once

#include <CLI/CLI.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::app::detail {

/// An option or an operand of a command line.
struct described_option {
  /// Its names with their dashes, such as `-s` and `--server`; the name of an operand.
  std::vector<std::string> names = {};
  /// The name of its value; empty if it has none.
  std::string value = {};
  /// The words that its value can be, or can begin with; empty if it can be any.
  std::vector<std::string> choices = {};
  /// Whether the value is the name of a file.
  bool is_file = false;
  /// Whether more follows after a word of `choices`.
  bool goes_on = false;
  /// What it does.
  std::string description = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const described_option&) const = default;
};

/// A command line, or one of its subcommands.
struct described_command {
  /// Its name.
  std::string name = {};
  /// What it does.
  std::string description = {};
  /// Its operands, in their order.
  std::vector<described_option> operands = {};
  /// Its options.
  std::vector<described_option> options = {};
};

/// Returns the words between the separators `separator` of `text`, without empty ones.
inline std::vector<std::string> split_words(std::string_view text, char separator) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto end = std::min(text.find(separator), text.size());
    if (end > 0) out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

/// Returns `words` with spaces between them.
inline std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& each : words) out += (out.empty() ? "" : " ") + each;
  return out;
}

/// Adds what the name of a value says about it.
inline void describe_value(described_option& of, std::string_view name) {
  of.is_file = name == "FILE" || name == "CONFIG";
  if (name == "LEVEL") of.choices = {"error", "warn", "info", "debug", "trace", "off"};
  if (name == "URL") of.choices = {"unix:", "http://", "https://"};
  of.goes_on = name == "URL";
}

/// Returns what the parser `app` knows about itself, without its subcommands.
inline described_command described(const CLI::App& app) {
  described_command out{.name = app.get_name(), .description = app.get_description()};
  for (const CLI::Option* const each : app.get_options()) {
    // Options of an empty group are hidden.
    if (each->get_group().empty()) continue;
    described_option one{.description = each->get_description()};
    if (each->get_positional()) {
      one.names.push_back(each->get_name(true));
      describe_value(one, one.names.front());
      out.operands.push_back(std::move(one));
      continue;
    }
    for (const std::string& name : each->get_snames()) one.names.push_back("-" + name);
    for (const std::string& name : each->get_lnames()) one.names.push_back("--" + name);
    if (each->get_expected_max() > 0) {
      one.value = each->get_type_name();
      // CLI11 adds what its validators say, such as `:{text,json}`.
      const auto colon = std::min(one.value.find(':'), one.value.size());
      std::string_view words = std::string_view(one.value).substr(colon);
      describe_value(one, std::string_view(one.value).substr(0, colon));
      if (words.starts_with(":{") && words.ends_with('}')) {
        one.choices = split_words(words.substr(2, words.size() - 3), ',');
      }
      one.value.erase(colon);
    }
    out.options.push_back(std::move(one));
  }
  return out;
}

/// Returns the subcommands of the parser `app`.
inline std::vector<described_command> described_commands(const CLI::App& app) {
  std::vector<described_command> out;
  for (const CLI::App* const each : app.get_subcommands([](const CLI::App*) { return true; })) {
    out.push_back(described(*each));
  }
  return out;
}

}  // namespace rathole::app::detail
