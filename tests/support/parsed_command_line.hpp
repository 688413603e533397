#pragma once

#include <rathole/app/cli.hpp>

#include <expected>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace rathole::app {

/// What came of a command line.
struct parsed_command_line {
  /// What it asks for, or the status with which the program exits.
  std::expected<arguments, exit_status> asked;
  /// What was printed to standard output.
  std::string out;
  /// What was printed to standard error.
  std::string err;
};

/// Parses a command line without the name of the program.
inline parsed_command_line parse(std::vector<std::string> words) {
  std::ostringstream out;
  std::ostringstream err;
  auto asked = parse_command_line(std::move(words), out, err);
  return {std::move(asked), out.str(), err.str()};
}

}  // namespace rathole::app
