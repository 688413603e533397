#pragma once

#include <rathole/config/key.hpp>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::app {

/// Returns what is wrong with a command line whose first word was meant to be a command and is none of
/// `commands`; empty if it is a command, or seems to be the name of a file. `words` is the command line
/// without the program's name. `is_file` says whether there is a file of a name.
template <class IsFile>
std::string unknown_command(const std::vector<std::string>& words,
                            std::span<const std::string_view> commands, const IsFile& is_file) {
  std::vector<std::string_view> operands;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--") break;
    // The value of an option is no command.
    if (word == "--log-format" || word == "--genkey" || word == "--describe") ++i;
    if (!word.starts_with('-')) operands.push_back(word);
  }
  if (operands.empty()) return {};
  const std::string_view first = operands.front();
  const bool is_word =
      !first.empty() &&
      first.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == first.npos;
  if (!is_word || std::ranges::find(commands, first) != commands.end()) return {};
  const std::string_view meant = config::closest(first, commands);
  if ((operands.size() == 1 && meant.empty()) || is_file(std::string(first))) return {};
  std::string out = "unknown command `" + std::string(first) + '`';
  if (!meant.empty()) return out + "; did you mean `" + std::string(meant) + "`?";
  std::string list;
  for (const std::string_view each : commands) {
    list += (list.empty() ? "" : ", ") + std::string(each);
  }
  return out + "; the commands are " + list;
}

}  // namespace rathole::app
