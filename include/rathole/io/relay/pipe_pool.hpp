#pragma once

#include <rathole/io/socket/descriptor_limit.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace rathole::io {

/// Owns a kernel pipe through which bytes are spliced from socket to socket, and counts the bytes
/// in it.
class kernel_pipe {
 public:
  /// The number of bytes that a pipe can hold.
  static constexpr std::size_t capacity = 256 * 1024;

  /// Returns a pipe of full capacity, or nothing if the system provides none: descriptors have run
  /// out, or the user's share of pipe memory is used up (pipe-user-pages-soft), in which case small
  /// pipes would be slower than copying.
  static std::optional<kernel_pipe> open() {
    int ends[2];
    if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return std::nullopt;
    kernel_pipe made(ends[0], ends[1]);
    if (::fcntl(made.write_end_, F_SETPIPE_SZ, static_cast<int>(capacity)) < 0) return std::nullopt;
    return made;
  }

  /// Takes the pipe of `other`.
  kernel_pipe(kernel_pipe&& other) noexcept
      : read_end_(std::exchange(other.read_end_, -1)),
        write_end_(std::exchange(other.write_end_, -1)),
        held_(std::exchange(other.held_, 0)) {}
  /// Exchanges the pipes.
  kernel_pipe& operator=(kernel_pipe&& other) noexcept {
    std::swap(read_end_, other.read_end_);
    std::swap(write_end_, other.write_end_);
    std::swap(held_, other.held_);
    return *this;
  }
  /// Closes the pipe; bytes in it are lost.
  ~kernel_pipe() {
    if (read_end_ < 0) return;
    ::close(read_end_);
    ::close(write_end_);
  }

  /// Returns the number of bytes in the pipe.
  [[nodiscard]] std::size_t held() const { return held_; }

  /// Moves up to `most` bytes from a socket into the pipe without waiting. Returns what splice(2)
  /// returns; `errno` says why it failed.
  ssize_t fill_from(int socket, std::size_t most) {
    const auto moved = move(socket, write_end_, std::min(capacity, most));
    if (moved > 0) held_ += static_cast<std::size_t>(moved);
    return moved;
  }
  /// Moves bytes from the pipe into a socket without waiting. Returns what splice(2) returns;
  /// `errno` says why it failed.
  ssize_t drain_into(int socket) {
    const auto moved = move(read_end_, socket, held_);
    if (moved > 0) held_ -= static_cast<std::size_t>(moved);
    return moved;
  }

 private:
  kernel_pipe(int read_end, int write_end) : read_end_(read_end), write_end_(write_end) {}

  static ssize_t move(int from, int to, std::size_t count) {
    return ::splice(from, nullptr, to, nullptr, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  }

  int read_end_;
  int write_end_;
  std::size_t held_ = 0;
};

/// Keeps empty pipes for the next bulk flows of this thread, so that setting them up needs no
/// system calls.
class pipe_pool {
 public:
  /// The largest number of pipes that are kept.
  static constexpr std::size_t max_idle = 32;
  /// The number of the process's descriptors that there must be for each pipe that is kept.
  static constexpr std::size_t descriptors_per_pipe = 256;

  /// Returns the pool of the calling thread.
  static pipe_pool& of_thread() {
    thread_local pipe_pool pool;
    return pool;
  }

  /// Returns an empty pipe, or nothing if the system provides none.
  std::optional<kernel_pipe> take() {
    if (idle_.empty()) return kernel_pipe::open();
    std::optional<kernel_pipe> pipe(std::move(idle_.back()));
    idle_.pop_back();
    return pipe;
  }

  /// Takes back a pipe; one that still holds bytes is closed.
  void give(kernel_pipe pipe) {
    if (pipe.held() == 0 && idle_.size() < kept_) idle_.push_back(std::move(pipe));
  }

 private:
  // The reservation ensures that giving a pipe back never fails for lack of memory.
  pipe_pool() { idle_.reserve(max_idle); }

  const std::size_t kept_ = std::min(max_idle, descriptor_limit() / descriptors_per_pipe);
  std::vector<kernel_pipe> idle_;
};

}  // namespace rathole::io
