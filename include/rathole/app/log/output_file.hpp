#pragma once

#include <rathole/core/last_error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/io/socket/descriptor.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::app {

/// A file to whose end lines are written. It is made if it does not exist, readable for its owner and
/// group. Its descriptor stays the same when it is opened again, so threads that write to it need not
/// know.
class output_file {
 public:
  /// Opens the file at `path`. Fails with the system's error.
  static result<output_file> open(std::string path) {
    auto opened = open_at(path);
    if (!opened) return failure(opened.error());
    return output_file(std::move(path), std::move(*opened));
  }

  /// Returns whether the file at `path` can be written, or could be made, without making it. Fails with
  /// the system's error.
  static result<void> check(const std::string& path) {
    struct stat found{};
    if (::stat(path.c_str(), &found) == 0) {
      if (S_ISDIR(found.st_mode)) return failure(std::make_error_code(std::errc::is_a_directory));
      if (::access(path.c_str(), W_OK) != 0) return failure(last_error());
      return {};
    }
    if (errno != ENOENT) return failure(last_error());
    const auto folder = std::filesystem::path(path).parent_path();
    const char* const name = folder.empty() ? "." : folder.c_str();
    if (::access(name, W_OK | X_OK) != 0) return failure(last_error());
    return {};
  }

  /// Opens the file at the path again, after another program has renamed it. Fails with the system's
  /// error; the lines then go on to the old file.
  result<void> reopen() {
    const auto opened = open_at(path_);
    if (!opened) return failure(opened.error());
    if (::dup3(opened->get(), file_.get(), O_CLOEXEC) < 0) return failure(last_error());
    return {};
  }

  /// Returns the descriptor, which the object owns.
  [[nodiscard]] int descriptor() const { return file_.get(); }
  /// Returns the path.
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  output_file(std::string path, io::descriptor opened)
      : path_(std::move(path)), file_(std::move(opened)) {}

  static result<io::descriptor> open_at(const std::string& path) {
    // Without O_NONBLOCK a pipe would wait for its reader.
    constexpr int how = O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
    io::descriptor opened(::open(path.c_str(), how, 0640));
    if (!opened.is_open()) return failure(last_error());
    return opened;
  }

  std::string path_;
  io::descriptor file_;
};

}  // namespace rathole::app
