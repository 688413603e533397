#pragma once

#include "net.hpp"
#include "process.hpp"
#include "temp_dir.hpp"
#include "tools.hpp"
#include "visitors.hpp"

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace rathole::test {

/// A program that listens on its own port, with a folder for its files.
class server_program {
 public:
  std::uint16_t port() const { return port_; }
  std::string output() const { return program_->output(); }
  const temp_dir& folder() const { return folder_; }

 protected:
  /// Starts the program and waits until it listens.
  void start(const std::string& name, const std::vector<std::string>& arguments) {
    program_.emplace(tool(name), arguments);
    if (!eventually([this] { return !refused(port_); }))
      throw std::runtime_error(name + " does not listen:\n" + program_->output());
  }

 private:
  reserved_port port_;
  temp_dir folder_;
  std::optional<process> program_;
};

}  // namespace rathole::test
