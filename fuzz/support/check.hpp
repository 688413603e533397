#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>

namespace rathole::fuzz {

/// Ends the process with a finding, and the place of the violated check, unless `holds`.
inline void check(bool holds, std::source_location at = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: a law is broken\n", at.file_name(), unsigned{at.line()});
  std::abort();
}

}  // namespace rathole::fuzz
