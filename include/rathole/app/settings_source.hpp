#pragma once

#include <rathole/app/given_settings.hpp>

#include <string>

namespace rathole::app {

/// Where the configuration of a program comes from.
struct settings_source {
  /// The path of the configuration file; empty if there is none.
  std::string path = {};
  /// The settings that are given without a file.
  given_settings given = {};

  /// Returns its name in messages.
  [[nodiscard]] std::string name() const { return path.empty() ? "the command line" : path; }
};

}  // namespace rathole::app
