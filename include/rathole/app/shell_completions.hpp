#pragma once

#include <rathole/app/described_command.hpp>

#include <CLI/CLI.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::app {

namespace detail {

/// Returns `text` with `\` before each of the characters `special`.
inline std::string escaped_by_backslash(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (special.contains(c)) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace detail

/// Returns completions for bash.
inline std::string bash_completion(const CLI::App& app) {
  using namespace detail;
  const described_command all = described(app);
  const std::vector<described_command> commands = described_commands(app);
  std::vector<std::string> names;
  for (const auto& each : commands) names.push_back(each.name);
  // What completes the value of an option or an operand.
  const auto action = [](const described_option& of) -> std::string {
    if (of.is_file) return "_rathole_files";
    if (of.choices.empty()) return ":";
    return (of.goes_on ? "_rathole_starts '" : "_rathole_words '") + joined(of.choices) + '\'';
  };
  std::string options;
  std::string operands;
  std::string with_values;
  std::string values;
  const auto add = [&](const described_command& of, const std::string& name) {
    std::vector<std::string> words;
    for (const described_option& each : of.options) {
      words.insert(words.end(), each.names.begin(), each.names.end());
      if (each.value.empty()) continue;
      std::string pattern;
      for (const std::string& one : each.names) pattern += (pattern.empty() ? "" : "|") + one;
      const std::string line = "    " + pattern + ") " + action(each) + "; return ;;\n";
      if (values.contains(line)) continue;
      values += line;
      with_values += (with_values.empty() ? "" : "|") + pattern;
    }
    options += "      " + name + ") _rathole_words '" + joined(words) + "' ;;\n";
    for (std::size_t i = 0; i < of.operands.size(); ++i) {
      operands += "    " + name + std::to_string(i) + ") " + action(of.operands[i]) + " ;;\n";
    }
  };
  for (const auto& each : commands) add(each, each.name);
  add(all, "''");
  std::string out = R"(# Completions of bash for rathole.
_rathole_words() { COMPREPLY+=($(compgen -W "$1" -- "$word")); }
_rathole_starts() {
  compopt -o nospace 2> /dev/null
  _rathole_words "$1"
}
_rathole_files() {
  compopt -o filenames 2> /dev/null
  COMPREPLY+=($(compgen -f -- "$word"))
}
_rathole() {
  local word=${COMP_WORDS[COMP_CWORD]} command= option= operands=0 glued= each
  # Bash divides words at ':' and '=', too.
  for each in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ -z ${each//[:=]/} ]]; then
      glued=1
      continue
    fi
    if [[ -n $option ]]; then
      # With an address there is no file.
      [[ $option != --admin ]] || operands=$((operands + 1))
      option=
    elif [[ -z $glued ]]; then
      case $each in
)";
  out += "      " + with_values + ") option=$each ;;\n      -*) ;;\n";
  out += R"(      *)
        case $command$operands:$each in
)";
  std::string patterns;
  for (const std::string& each : names) patterns += (patterns.empty() ? "0:" : "|0:") + each;
  out += "        " + patterns + ") command=$each ;;\n";
  out += R"(        *) operands=$((operands + 1)) ;;
        esac
        ;;
      esac
    fi
    glued=
  done
  COMPREPLY=()
  [[ -n ${word//[:=]/} ]] || { [[ -z $word ]] || glued=1; word=; }
  case $option in
)";
  out += values;
  out += R"(  esac
  if [[ -n $glued ]]; then
    _rathole_files
    return
  fi
  if [[ $word == -* ]]; then
    case $command in
)";
  out += options;
  out += R"(    esac
    return
  fi
)";
  out += "  ((COMP_CWORD > 1)) || _rathole_words '" + joined(names) + "'\n";
  out += "  case $command$operands in\n" + operands + "  esac\n}\ncomplete -F _rathole rathole\n";
  return out;
}

/// Returns completions for zsh.
inline std::string zsh_completion(const CLI::App& app) {
  using namespace detail;
  // What completes a value, with the name of the value before it.
  const auto action = [](const described_option& of, std::string_view name) {
    std::string choices;
    for (const std::string& each : of.choices) {
      choices += (choices.empty() ? "" : " ") + escaped_by_backslash(each, ":");
    }
    std::string out = ":" + escaped_by_backslash(name, ":|[]") + ":";
    if (of.is_file) return out + "_files";
    if (choices.empty()) return out;
    return out + (of.goes_on ? "{compadd -S \"\" -- " + choices + "}" : "(" + choices + ")");
  };
  const auto quoted = [](std::string_view text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
    return out + '\'';
  };
  const auto specification = [&](const described_option& of) {
    const std::string text = "[" + escaped_by_backslash(of.description, "[]\\:") + "]";
    const std::string value = of.value.empty() ? "" : action(of, of.value);
    std::string out;
    for (const std::string& name : of.names) {
      out += "    " + quoted(name + text + value) + " \\\n";
    }
    return out;
  };
  const described_command all = described(app);
  const std::vector<described_command> commands = described_commands(app);
  std::string out =
      "#compdef rathole\n# Completions of zsh for rathole.\n_rathole() {\n"
      "  local -a commands\n  commands=(\n";
  for (const auto& each : commands) {
    out += "    " + quoted(each.name + ':' + escaped_by_backslash(each.description, ":")) + '\n';
  }
  out += "  )\n  local command\n  for command in ${words[2,CURRENT-1]}; do\n    case $command in\n";
  for (const auto& each : commands) {
    out += "      " + each.name + ")\n        _arguments \\\n";
    for (const described_option& option : each.options) out += "    " + specification(option);
    // The first operand is the command itself.
    out += "        '1: :'";
    std::size_t place = 2;
    for (const described_option& operand : each.operands) {
      out += ' ' + quoted(std::to_string(place++) + action(operand, operand.names.front()));
    }
    out += "\n        return ;;\n";
  }
  out += "    esac\n  done\n  _arguments \\\n";
  for (const described_option& option : all.options) out += specification(option);
  out +=
      "    '1:configuration:_files'\n"
      "  ((CURRENT > 2)) || [[ $PREFIX == -* ]] || _describe -t commands command commands\n"
      "}\n"
      "_rathole \"$@\"\n";
  return out;
}

/// Returns completions for fish.
inline std::string fish_completion(const CLI::App& app) {
  using namespace detail;
  const std::vector<described_command> commands = described_commands(app);
  std::string names;
  for (const auto& each : commands) names += (names.empty() ? "" : " ") + each.name;
  const auto start = [](const std::string& condition) {
    return "complete -c rathole -n '" + condition + '\'';
  };
  const auto end = [](const described_option& of) {
    const std::string words = of.choices.empty() ? "" : " -a '" + joined(of.choices) + '\'';
    return words + " -d '" + escaped_by_backslash(of.description, "'\\") + "'\n";
  };
  const auto line = [&](const std::string& condition, const described_option& of) {
    std::string out = start(condition);
    for (const std::string& name : of.names) {
      out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    }
    if (!of.value.empty()) out += of.is_file ? " -r -F" : " -x";
    return out + end(of);
  };
  const std::string none = "not __fish_seen_subcommand_from " + names;
  std::string out = "# Completions of fish for rathole.\n";
  for (const auto& option : described(app).options) out += line(none, option);
  for (const auto& each : commands) {
    out += start(none) + " -a " + each.name + " -d '" +
           escaped_by_backslash(each.description, "'\\") + "'\n";
    const std::string seen = "__fish_seen_subcommand_from " + each.name;
    for (const auto& option : each.options) out += line(seen, option);
    for (const auto& operand : each.operands) {
      if (!operand.choices.empty()) out += start(seen) + end(operand);
    }
  }
  return out;
}

}  // namespace rathole::app
