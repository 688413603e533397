#pragma once

#include "eventually.hpp"
#include "net.hpp"
#include "our_program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {

/// A pipe that the test reads when it chooses.
class slow_pipe {
 public:
  slow_pipe() {
    if (::pipe2(ends_, O_CLOEXEC) != 0) throw_errno("pipe2");
  }
  slow_pipe(const slow_pipe&) = delete;
  slow_pipe& operator=(const slow_pipe&) = delete;
  ~slow_pipe() {
    close_reader();
    close_writer();
  }

  int writer() const { return ends_[1]; }
  void close_reader() { close(ends_[0]); }
  void close_writer() { close(ends_[1]); }

  /// Fills the pipe; returns how many bytes that took.
  std::size_t fill() {
    const int flags = ::fcntl(ends_[1], F_GETFL);
    ::fcntl(ends_[1], F_SETFL, flags | O_NONBLOCK);
    std::size_t size = 0;
    const std::string block(4096, 'x');
    for (ssize_t n = 0; (n = ::write(ends_[1], block.data(), block.size())) > 0;)
      size += static_cast<std::size_t>(n);
    ::fcntl(ends_[1], F_SETFL, flags);
    return size;
  }

  /// Reads into `text` until it contains `end`; returns false if that does not arrive within
  /// `limit`.
  bool read_until(std::string_view end, std::string& text,
                  std::chrono::milliseconds limit = test_timeout) {
    return eventually(
        [&] {
          pollfd entry{ends_[0], POLLIN, 0};
          char chunk[65536];
          while (text.find(end) == text.npos && ::poll(&entry, 1, 0) > 0) {
            const ssize_t n = ::read(ends_[0], chunk, sizeof chunk);
            if (n <= 0) break;
            text.append(chunk, static_cast<std::size_t>(n));
          }
          return text.find(end) != text.npos;
        },
        limit);
  }

  /// Returns the value of JOURNAL_STREAM that names this pipe.
  std::string as_journal_stream() const {
    struct stat found{};
    if (::fstat(ends_[1], &found) != 0) throw_errno("fstat");
    return "JOURNAL_STREAM=" + std::to_string(found.st_dev) + ":" + std::to_string(found.st_ino);
  }

 private:
  static void close(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  int ends_[2] = {-1, -1};
};

/// Our program with its output in a pipe that only the test reads; it is killed with the object.
class raw_program {
 public:
  raw_program(std::vector<std::string> arguments, std::vector<std::string> environment, int out,
              int err) {
    arguments.insert(arguments.begin(), our_program());
    for (char** variable = environ; *variable != nullptr; ++variable) {
      const std::string_view text = *variable;
      if (text.find("_LOG=") == text.npos && !text.starts_with("JOURNAL_STREAM="))
        environment.emplace_back(text);
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
    const int error = ::posix_spawn(&pid_, arguments.front().c_str(), &actions, nullptr,
                                    pointers(arguments).data(), pointers(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw std::system_error(error, std::generic_category(), "posix_spawn");
  }
  raw_program(const raw_program&) = delete;
  raw_program& operator=(const raw_program&) = delete;
  ~raw_program() {
    signal(SIGKILL);
    wait_exit();
  }

  void signal(int number) {
    if (!status_) ::kill(pid_, number);
  }

  /// As `process::wait_exit`.
  std::optional<int> wait_exit(std::chrono::milliseconds limit = test_timeout) {
    eventually(
        [this] {
          int raw = 0;
          if (!status_ && ::waitpid(pid_, &raw, WNOHANG) == pid_)
            status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
          return status_.has_value();
        },
        limit);
    return status_;
  }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (std::string& each : texts) out.push_back(each.data());
    out.push_back(nullptr);
    return out;
  }

  pid_t pid_ = -1;
  std::optional<int> status_;
};

}  // namespace rathole::test
