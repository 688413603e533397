#pragma once

#include <rathole/core/last_error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/io/socket/descriptor.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace rathole::admin {

namespace detail {

/// Makes sure that the entries of a folder are on the disk.
inline result<void> sync_folder(const std::filesystem::path& folder) {
  const auto close = [](DIR* opened) { ::closedir(opened); };
  const std::unique_ptr<DIR, decltype(close)> opened(
      ::opendir(folder.empty() ? "." : folder.c_str()), close);
  if (!opened) return failure(last_error());
  // Some file systems cannot do it, and need not.
  if (::fsync(::dirfd(opened.get())) != 0 && errno != EINVAL) return failure(last_error());
  return {};
}

inline result<void> write_all(int to, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(to, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure(last_error());
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace detail

/// How the names of files begin that `replace_file` has not finished.
inline constexpr std::string_view unfinished_prefix = ".rathole-";
/// What stands for the characters that follow, which mkstemp(3) chooses.
inline constexpr std::string_view random_part = "XXXXXX";

/// Writes `text` to the file at `path`, which only its owner may read, so that the file is always the
/// old or the new one, whatever happens: it is written under another name, and renamed once it is on the
/// disk. Fails with the system's error; then the old file is there, unless only the folder could not be
/// brought to the disk.
inline result<void> replace_file(const std::filesystem::path& path, std::string_view text) {
  const std::filesystem::path folder = path.parent_path();
  std::string name =
      (folder / (std::string(unfinished_prefix) + std::string(random_part))).string();
  io::descriptor file(::mkostemp(name.data(), O_CLOEXEC));
  if (!file.is_open()) return failure(last_error());
  const auto written = [&]() -> result<void> {
    if (const auto done = detail::write_all(file.get(), text); !done) return done;
    if (::fsync(file.get()) != 0) return failure(last_error());
    if (::rename(name.c_str(), path.c_str()) != 0) return failure(last_error());
    return {};
  }();
  if (!written) {
    ::unlink(name.c_str());
    return written;
  }
  return detail::sync_folder(folder);
}

/// Removes the file at `path`, if it is there. Fails with the system's error; then the file is there, unless
/// only the folder could not be brought to the disk.
inline result<void> remove_file(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failure(last_error());
  return detail::sync_folder(path.parent_path());
}

/// Removes what an interrupted `replace_file` has left in `folder`.
inline void remove_unfinished(const std::filesystem::path& folder) {
  std::error_code ec;
  for (std::filesystem::directory_iterator at(folder, ec), end; !ec && at != end;
       at.increment(ec)) {
    const std::filesystem::path& path = at->path();
    std::error_code ignored;
    const std::string name = path.filename().string();
    const bool is_ours = name.starts_with(unfinished_prefix) &&
                         name.size() == unfinished_prefix.size() + random_part.size();
    if (is_ours && at->is_regular_file(ignored)) {
      std::filesystem::remove(path, ignored);
    }
  }
}

}  // namespace rathole::admin
