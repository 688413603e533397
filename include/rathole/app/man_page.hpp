#pragma once

#include <rathole/app/described_command.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::app {

namespace detail {

/// Returns `text` for roff (man(7)).
inline std::string roff(std::string_view text) {
  std::string out;
  bool is_start = true;
  for (const char c : text) {
    if (is_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else {
      if (c == '-') out += '\\';
      out += c;
    }
    is_start = c == '\n';
  }
  return out;
}

/// Returns how often `option` is among the options and operands of `commands`.
inline std::size_t count_of(const described_option& option,
                            const std::vector<described_command>& commands) {
  std::size_t out = 0;
  for (const described_command& each : commands) {
    if (std::ranges::find(each.options, option) != each.options.end()) ++out;
    if (std::ranges::find(each.operands, option) != each.operands.end()) ++out;
  }
  return out;
}

/// Appends the entries of `list` to a manual page, except those that `is_elsewhere` returns true for.
template <class IsElsewhere>
void append_entries(std::string& out, const std::vector<described_option>& list,
                    const IsElsewhere& is_elsewhere) {
  for (const described_option& each : list) {
    if (is_elsewhere(each)) continue;
    const bool is_operand = !each.names.front().starts_with('-');
    std::string names;
    for (const std::string& name : each.names) {
      names += std::string(names.empty() ? "" : ", ") + (is_operand ? "\\fI" : "\\fB") +
               roff(name) + "\\fR";
    }
    if (!each.value.empty()) names += " \\fI" + roff(each.value) + "\\fR";
    out += ".TP\n" + names + '\n' + roff(each.description) + '\n';
  }
}

/// Appends the commands to a manual page. What several of them share stands once, at the end, and what
/// `all` has, too, not at all.
inline void append_commands(std::string& out, const described_command& all,
                            const std::vector<described_command>& commands) {
  const auto is_shared = [&commands](const described_option& of) {
    return count_of(of, commands) > 2;
  };
  const auto is_of_all = [&all](const described_option& of) {
    return std::ranges::find(all.options, of) != all.options.end();
  };
  std::string names;
  std::vector<described_option> shared;
  for (const described_command& each : commands) {
    std::string heading = each.name;
    for (const described_option& operand : each.operands) heading += ' ' + operand.names.front();
    out += ".SS " + roff(heading) + '\n' + roff(each.description) + ".\n";
    const auto is_elsewhere = [&](const described_option& of) {
      return is_of_all(of) || is_shared(of);
    };
    append_entries(out, each.operands, is_elsewhere);
    append_entries(out, each.options, is_elsewhere);
    bool has_shared = false;
    for (const auto* const list : {&each.operands, &each.options}) {
      for (const described_option& one : *list) {
        if (!is_shared(one) || is_of_all(one)) continue;
        has_shared = true;
        if (std::ranges::find(shared, one) == shared.end()) shared.push_back(one);
      }
    }
    if (has_shared) names += (names.empty() ? "" : ", ") + each.name;
  }
  if (shared.empty()) return;
  out += ".SS Options of several commands\nThese belong to " + roff(names) + ".\n";
  append_entries(out, shared, [](const described_option&) { return false; });
}

}  // namespace detail

/// Returns the manual page of the parser `app` (man(7)); `synopsis` and `footer` are the parts of its help
/// before and after the options.
inline std::string man_page(const CLI::App& app, std::string_view synopsis, std::string_view footer,
                            std::string_view version) {
  using namespace detail;
  const described_command all = described(app);
  std::string out = ".TH RATHOLE 1 \"\" \"rathole " + std::string(version) + "\"\n";
  out += ".SH NAME\nrathole \\- " + roff(all.description) + "\n.SH SYNOPSIS\n.nf\n";
  constexpr std::string_view label = "Usage: ";
  if (synopsis.starts_with(label)) synopsis.remove_prefix(label.size());
  while (!synopsis.empty()) {
    const auto end = std::min(synopsis.find('\n'), synopsis.size());
    std::string_view line = synopsis.substr(0, end);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    out += roff(line) + '\n';
    synopsis.remove_prefix(std::min(end + 1, synopsis.size()));
  }
  out += ".fi\n.SH OPTIONS\n";
  const auto is_nowhere_else = [](const described_option&) { return false; };
  append_entries(out, all.operands, is_nowhere_else);
  append_entries(out, all.options, is_nowhere_else);
  out += ".SH COMMANDS\n";
  append_commands(out, all, described_commands(app));
  out += ".SH NOTES\n.nf\n" + roff(footer) + "\n.fi\n";
  return out;
}

}  // namespace rathole::app
