#pragma once

#include "process.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace rathole::test {

/// Returns the path of a program that the tests need: on PATH, or where Debian has its servers; a
/// path is returned as it is. Throws if it is missing, because a test that did not run must not
/// look like one that passed.
inline std::string tool(const std::string& name) {
  if (name.starts_with('/') && access(name.c_str(), X_OK) == 0) return name;
  const char* path = std::getenv("PATH");
  std::istringstream folders((path == nullptr ? std::string() : path + std::string(":")) +
                             "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (std::string file = folder + "/" + name; access(file.c_str(), X_OK) == 0) return file;
  throw std::runtime_error("this test needs " + name + ", which tests/run.sh installs");
}

/// How long a tool may take: a compiler on a busy machine takes longer than what else a test waits for.
inline constexpr std::chrono::milliseconds tool_timeout{180'000};

/// Runs a tool, which must succeed; returns its output.
inline std::string run_tool(const std::string& name, const std::vector<std::string>& arguments,
                            const std::vector<std::string>& environment = {}) {
  process run(tool(name), arguments, environment);
  if (run.wait_exit(tool_timeout) == 0) return run.output();
  std::string text = name;
  for (const std::string& argument : arguments) text += " " + argument;
  throw std::runtime_error(text + "\n" + run.output());
}

}  // namespace rathole::test
