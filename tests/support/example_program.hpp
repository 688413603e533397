#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace rathole::test {

/// Returns the path of the example `name`, in the folder that RATHOLE_EXAMPLES names.
inline std::string example_program(const std::string& name) {
  const char* folder = std::getenv("RATHOLE_EXAMPLES");
  if (folder == nullptr || *folder == '\0')
    throw std::runtime_error("RATHOLE_EXAMPLES must name the folder of the examples");
  return std::string(folder) + "/" + name;
}

}  // namespace rathole::test
