#pragma once

#include <rathole/core/result.hpp>

#include <filesystem>
#include <iterator>
#include <system_error>
#include <vector>

namespace rathole::io {

/// The largest number of symbolic links on a path, as in the system (path_resolution(7)).
inline constexpr int max_links = 40;

/// Follows an absolute path as the system does, link by link. Calls `looked_up(directory, name)`
/// before each entry is looked up; the target of the path can change only if one of these entries
/// does. Returns the target as a path without links. Fails if an entry does not exist, after the
/// call for that entry.
template <class F>
result<std::filesystem::path> follow_links(const std::filesystem::path& path, F&& looked_up) {
  std::filesystem::path at = "/";
  // The names that are still to be followed, the next one last.
  std::vector<std::filesystem::path> ahead;
  const auto prepend = [&](const std::filesystem::path& names) {
    if (names.is_absolute()) at = "/";
    const std::vector<std::filesystem::path> parts(names.begin(), names.end());
    ahead.insert(ahead.end(), parts.rbegin(), parts.rend());
  };
  prepend(path);
  for (int links = 0; !ahead.empty();) {
    const std::filesystem::path name = ahead.back();
    ahead.pop_back();
    if (name.empty() || name == "/" || name == ".") continue;
    if (name == "..") {
      at = at.parent_path();
      continue;
    }
    looked_up(at, name);
    std::error_code ec;
    const auto target = std::filesystem::read_symlink(at / name, ec);
    if (!ec) {
      if (++links > max_links) {
        return failure(std::make_error_code(std::errc::too_many_symbolic_link_levels));
      }
      prepend(target);
    } else if (ec == std::errc::invalid_argument) {
      at /= name;
    } else {
      return failure(ec);
    }
  }
  return at;
}

}  // namespace rathole::io
