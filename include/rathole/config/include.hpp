#pragma once

#include <rathole/core/require_cxx23.hpp>

#include <expected>
#include <functional>
#include <string>
#include <vector>

namespace rathole::config {

/// A file that a configuration includes.
struct included_file {
  /// Its name in problems.
  std::string name = {};
  /// Its content.
  std::string text = {};
};

/// What a value of the key `include` names.
struct included_files {
  /// The files to merge, in this order.
  std::vector<included_file> files = {};
  /// The names of what a pattern matches although nothing can be included from it, such as a socket.
  std::vector<std::string> skipped = {};
};

/// Why files cannot be included.
struct include_problem {
  /// The description of the problem, without the text of the key.
  std::string what = {};
  /// How to correct it.
  std::string remedy = {};
};

/// A function that reads the files that `pattern`, a value of the key `include`, names and that it
/// has not returned before, in the order in which they are merged.
using include_reader =
    std::function<std::expected<included_files, include_problem>(const std::string& pattern)>;

}  // namespace rathole::config
