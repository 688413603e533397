#pragma once

#include <rathole/admin/file_writer.hpp>
#include <rathole/config/limits.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/core/last_error.hpp>
#include <rathole/core/read_file.hpp>
#include <rathole/core/result.hpp>

#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::admin {

/// The contents of a file before and after an edit; nothing stands for no file.
struct file_change {
  /// The content before.
  std::optional<std::string> before = {};
  /// The content after.
  std::optional<std::string> after = {};
};

/// An edit that the parser has accepted.
struct planned_edit {
  /// The content of the file.
  file_change content = {};
  /// The warnings of the new settings.
  std::vector<config::problem> warnings = {};
};

/// The content of a file: nothing if there is no file, and an error if that cannot be known.
using file_content = result<std::optional<std::string>>;

/// Returns the content of the file at `path`.
inline file_content content_of(const std::string& path) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return std::optional<std::string>();
    return failure(last_error());
  }
  auto text = read_file(path, {.size = config::limits::file_size});
  if (!text) return failure(std::make_error_code(std::errc::io_error));
  return std::optional(std::move(*text));
}

/// Gives a file the content `content`, or removes it if that is nothing.
inline result<void> write_content(const std::string& file,
                                  const std::optional<std::string>& content) {
  return content ? replace_file(file, *content) : remove_file(file);
}

/// Gives the file of `failed`, a change that failed, its old content, and returns what to say about it.
inline std::string take_back(const std::string& file, const file_change& failed) {
  // A write can fail after the content has changed, so only that says whether it did.
  file_content now = content_of(file);
  if (now && *now == failed.before) return " Nothing was changed.";
  if (now && *now != failed.after) {
    return " Somebody else has changed the file meanwhile, so it was left as it is.";
  }
  const auto written = write_content(file, failed.before);
  now = content_of(file);
  if (now && *now == failed.before) return " Nothing was changed.";
  const std::error_code why = !written ? written.error() : now ? std::error_code() : now.error();
  return " The file could not be restored" + (why ? ": " + why.message() : std::string()) +
         "; look at " + file + '.';
}

}  // namespace rathole::admin
