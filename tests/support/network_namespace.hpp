#pragma once

#include "process.hpp"
#include "tools.hpp"

#include <unistd.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace rathole::test {

/// A network namespace and a mount namespace, made by unshare(1) as root or in a user namespace.
/// The loopback interface is up, and is the only one.
class network_namespace {
 public:
  /// Returns whether namespaces are permitted here; prints that a test is skipped if they are not.
  static bool is_permitted() {
    process trial(tool("unshare"), {is_root() ? "-nm" : "-rnm", "true"});
    if (trial.wait_exit() == 0) return true;
    MESSAGE(
        "SKIPPED: no network namespaces are permitted here; run it as root, or permit "
        "unprivileged user namespaces: "
        << trial.output());
    return false;
  }

  /// First runs `setup`, a shell command, inside; throws if it fails.
  explicit network_namespace(const std::string& setup = "true")
      : holder_(tool("unshare"),
                {is_root() ? "-nm" : "-rnm", "/bin/sh", "-c",
                 "ip link set lo up && " + setup + " && echo made && exec sleep 100000"}) {
    if (!holder_.wait_for("made")) throw std::runtime_error(holder_.output());
  }

  /// Returns the arguments of nsenter(1) for a command that must run inside.
  std::vector<std::string> inside(const std::vector<std::string>& command) const {
    std::vector<std::string> out{"-t", std::to_string(holder_.pid()), "-n", "-m"};
    if (!is_root()) out.insert(out.end(), {"-U", "--preserve-credentials"});
    out.emplace_back("--");
    out.insert(out.end(), command.begin(), command.end());
    return out;
  }

  /// Runs a Python program inside, which must succeed; returns its output.
  std::string run_python(const std::string& text, const std::vector<std::string>& arguments) const {
    std::vector<std::string> command{"/usr/bin/python3", "-c", text};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run_tool("nsenter", inside(command));
  }

 private:
  static bool is_root() { return ::geteuid() == 0; }

  process holder_;
};

/// A program that runs inside a network namespace in parallel with the test.
class inside_process : public process {
 public:
  inside_process(const network_namespace& where, const std::vector<std::string>& command)
      : process(tool("nsenter"), where.inside(command)) {}
};

}  // namespace rathole::test
