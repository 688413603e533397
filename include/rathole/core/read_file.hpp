#pragma once

#include <rathole/core/last_error.hpp>
#include <rathole/core/time.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <expected>
#include <string>
#include <system_error>

namespace rathole {

/// The limits on what `read_file` reads and how long it waits.
struct file_limits {
  /// The largest size of the file, in bytes.
  std::size_t size;
  /// How long a pipe may take to reach its end; 0 refuses pipes.
  duration pipe_timeout = duration::zero();
};

namespace detail {

/// Reads one file for one call of `read_file`.
class file_reader {
 public:
  /// Makes a reader that keeps to `limits`.
  explicit file_reader(const file_limits& limits) : limits_(limits) {}
  file_reader(const file_reader&) = delete;
  file_reader& operator=(const file_reader&) = delete;
  ~file_reader() {
    if (fd_ >= 0) ::close(fd_);
  }

  /// Reads the file at `path`; see `read_file`. Called once.
  std::expected<std::string, std::string> read(const std::string& path) {
    struct stat found{};
    // Opening a device can have side effects, so the type of the file is checked before.
    if (::stat(path.c_str(), &found) != 0) return std::unexpected(last_error().message());
    if (auto wrong = refusal(found); !wrong.empty()) return std::unexpected(std::move(wrong));
    fd_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd_ < 0 || ::fstat(fd_, &found) != 0) return std::unexpected(last_error().message());
    // The path may lead to another file by now.
    if (auto wrong = refusal(found); !wrong.empty()) return std::unexpected(std::move(wrong));
    is_pipe_ = S_ISFIFO(found.st_mode);
    deadline_ = clock::now() + limits_.pipe_timeout;
    // Growing the string would leave copies of what may be a key in memory.
    if (!is_pipe_) text_.reserve(static_cast<std::size_t>(found.st_size) + chunk_size);
    return read_all();
  }

 private:
  static constexpr std::size_t chunk_size = 4096;
  static constexpr std::size_t mebibyte = std::size_t{1} << 20;

  /// Returns why such a file is refused; empty if it is accepted.
  [[nodiscard]] std::string refusal(const struct stat& found) const {
    if (S_ISREG(found.st_mode)) {
      return static_cast<std::size_t>(found.st_size) > limits_.size ? too_large() : std::string();
    }
    if (S_ISDIR(found.st_mode)) return std::generic_category().message(EISDIR);
    if (S_ISFIFO(found.st_mode)) {
      return limits_.pipe_timeout > duration::zero() ? "" : "it is a pipe, not a regular file";
    }
    if (S_ISSOCK(found.st_mode)) return "it is a socket, not a regular file";
    return "it is a device, not a regular file";
  }

  [[nodiscard]] std::string too_large() const {
    return "larger than " + (limits_.size >= mebibyte
                                 ? std::to_string(limits_.size / mebibyte) + " MiB"
                                 : std::to_string(limits_.size) + " bytes");
  }

  std::expected<std::string, std::string> read_all() {
    for (;;) {
      const std::size_t before = text_.size();
      text_.resize(before + chunk_size);
      const ssize_t count = ::read(fd_, text_.data() + before, chunk_size);
      text_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
      if (text_.size() > limits_.size) return std::unexpected(too_large());
      if (count > 0 || (count < 0 && errno == EINTR)) continue;
      if (count < 0 && errno != EAGAIN) return std::unexpected(last_error().message());
      // A pipe that no writer has opened yet also reads as ended.
      if (count == 0 && (!is_pipe_ || !text_.empty() || is_hung_up_)) return std::move(text_);
      if (!await_more()) return std::unexpected(timed_out());
    }
  }

  /// Waits until there is more to read; returns false if the timeout has passed.
  bool await_more() {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - clock::now());
    if (left.count() <= 0) return false;
    pollfd entry{.fd = fd_, .events = POLLIN, .revents = 0};
    ::poll(&entry, 1, static_cast<int>(left.count()));
    is_hung_up_ = (entry.revents & (POLLIN | POLLHUP)) == POLLHUP;
    return true;
  }

  [[nodiscard]] std::string timed_out() const {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(limits_.pipe_timeout).count();
    return "it is a pipe, and its end did not come within " + std::to_string(seconds) + " s";
  }

  const file_limits limits_;
  int fd_ = -1;
  bool is_pipe_ = false;
  /// Whether all writers have closed the pipe.
  bool is_hung_up_ = false;
  time_point deadline_{};
  std::string text_;
};

}  // namespace detail

/// Returns the bytes of the file at `path`, or the reason why it cannot be read, as text that fits
/// after "cannot be read: ". Directories, sockets and devices are refused. The function never waits
/// for another program, except for the writer of a pipe, and then no longer than `limits` allows.
inline std::expected<std::string, std::string> read_file(const std::string& path,
                                                         const file_limits& limits) {
  return detail::file_reader(limits).read(path);
}

}  // namespace rathole
