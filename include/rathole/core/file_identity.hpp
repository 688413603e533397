#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <optional>

namespace rathole {

/// The metadata that identify one content of a file without reading it.
struct file_identity {
  /// The device of the file.
  std::uint64_t device = 0;
  /// The inode number of the file.
  std::uint64_t inode = 0;
  /// The size in bytes; -1 for a file that is not regular.
  std::int64_t size = 0;
  /// When the content was last modified (inode(7)), in ns of the system's time; the type of a file
  /// that is not regular.
  std::int64_t modified = 0;
  /// When the inode last changed (inode(7)), in ns of the system's time.
  std::int64_t changed = 0;

  /// Compares all members.
  bool operator==(const file_identity&) const = default;
};

namespace detail {

/// Returns the identity of the file with the metadata `found`.
inline file_identity to_identity(const struct stat& found) {
  if (!S_ISREG(found.st_mode)) {
    const std::int64_t type = found.st_mode & S_IFMT;
    return file_identity{
        .device = found.st_dev, .inode = found.st_ino, .size = -1, .modified = type};
  }
  const auto nanoseconds = [](const timespec& at) {
    return std::int64_t{at.tv_sec} * 1'000'000'000 + at.tv_nsec;
  };
  return file_identity{.device = found.st_dev,
                       .inode = found.st_ino,
                       .size = found.st_size,
                       .modified = nanoseconds(found.st_mtim),
                       .changed = nanoseconds(found.st_ctim)};
}

}  // namespace detail

/// Returns the identity of the file at `path`; nothing if there is none or the path cannot be
/// followed. Of a file that is not regular, such as a directory, the content does not count.
inline std::optional<file_identity> identity_of(const std::filesystem::path& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return std::nullopt;
  return detail::to_identity(found);
}

/// Returns the identity of the open file `descriptor`; nothing if none is open.
inline std::optional<file_identity> identity_of_open(int descriptor) {
  struct stat found{};
  if (::fstat(descriptor, &found) != 0) return std::nullopt;
  return detail::to_identity(found);
}

}  // namespace rathole
