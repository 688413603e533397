#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

namespace rathole::test {

/// Returns the number of established TCP connections to `port` of this machine.
inline std::size_t connections_to(std::uint16_t port) {
  std::ifstream table("/proc/net/tcp");
  std::string line;
  std::size_t count = 0;
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string number, local, remote, state;
    fields >> number >> local >> remote >> state;
    const std::size_t colon = remote.find(':');
    if (state != "01" || colon == std::string::npos) continue;
    if (std::stoul(remote.substr(colon + 1), nullptr, 16) == port) ++count;
  }
  return count;
}

}  // namespace rathole::test
