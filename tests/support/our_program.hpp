#pragma once

#include "process.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::test {

/// Returns the path of the program under test, from the environment variable RATHOLE_PROGRAM.
inline std::string our_program() {
  const char* path = std::getenv("RATHOLE_PROGRAM");
  if (path == nullptr || *path == '\0')
    throw std::runtime_error("RATHOLE_PROGRAM must name the program under test");
  return path;
}

/// The exit status and the output of a run; `all` is both streams together.
struct finished_run {
  int status;
  std::string out;
  std::string err;
  std::string all;
};

/// Runs the program until it exits by itself.
inline finished_run run_program(const std::vector<std::string>& arguments,
                                const std::vector<std::string>& environment = {}) {
  process program(our_program(), arguments, environment);
  const auto status = program.wait_exit();
  if (!status) throw std::runtime_error("the program does not end:\n" + program.output());
  return {*status, program.standard_output(), program.standard_error(), program.output()};
}

/// Returns whether the program under test has a feature, according to `--version`.
inline bool has_feature(const std::string& name) {
  const std::string text = run_program({"--version"}).out;
  constexpr std::string_view label = "Features:";
  const auto at = text.find(label);
  if (at == text.npos) return false;
  std::string features = text.substr(at + label.size());
  features = features.substr(0, features.find('\n')) + ",";
  features.replace(0, features.find_first_not_of(' '), ",");
  return features.find("," + name + ",") != features.npos;
}

/// Returns the lines of a text, without empty ones.
inline std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> found(1);
  for (const char c : text) {
    if (c != '\n')
      found.back() += c;
    else if (!found.back().empty())
      found.emplace_back();
  }
  if (found.back().empty()) found.pop_back();
  return found;
}

/// Returns the ports of the `Listening at <host>:<port>` lines in a text, in order.
inline std::vector<std::uint16_t> listening_ports(const std::string& text) {
  constexpr std::string_view words = "Listening at ";
  std::vector<std::uint16_t> ports;
  for (auto at = text.find(words); at != text.npos; at = text.find(words, at + 1)) {
    const auto colon = text.find(':', at + words.size());
    if (colon != text.npos)
      ports.push_back(static_cast<std::uint16_t>(std::atoi(text.c_str() + colon + 1)));
  }
  return ports;
}

}  // namespace rathole::test
