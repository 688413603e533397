#pragma once

#include <cstddef>
#include <string_view>

namespace rathole::test {

/// Returns how often `what`, which is not empty, occurs in `text` without overlapping itself.
inline std::size_t occurrences(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + what.size())) ++count;
  return count;
}

}  // namespace rathole::test
