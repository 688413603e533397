#pragma once

#include <rathole/config/parse.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace rathole::config {

/// Returns the problems of the configuration `text`, or its warnings if there are none, as lines.
inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  const auto found = read(text, "c.toml");
  for (const problem& each : found ? found->warnings : found.error()) {
    out.push_back(to_string(each));
  }
  return out;
}

/// Returns the only line of `lines_of`.
inline std::string only_line(const std::string& text) {
  const auto lines = lines_of(text);
  CAPTURE(text);
  REQUIRE(lines.size() == 1);
  return lines.front();
}

}  // namespace rathole::config
