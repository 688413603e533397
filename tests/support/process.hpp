#pragma once

#include "eventually.hpp"
#include "occurrences.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

namespace rathole::test {

/// A program that runs in parallel with the test, with its output captured. It is killed with the
/// object, and by the kernel if the test dies first, so it must be started from the main thread. A
/// sanitizer's report about it fails the test.
class process {
 public:
  /// Starts `program` with `arguments`. `environment` (`NAME=value`) is added to the test's own, of
  /// which the variables that set log levels are left out.
  process(const std::string& program, const std::vector<std::string>& arguments,
          const std::vector<std::string>& environment = {}) {
    std::vector<std::string> texts{program};
    texts.insert(texts.end(), arguments.begin(), arguments.end());
    const std::size_t argument_count = texts.size();
    for (char** variable = environ; *variable != nullptr; ++variable) {
      const std::string_view text = *variable;
      if (!text.starts_with("RUST_LOG=") && !text.starts_with("RATHOLE_LOG="))
        texts.emplace_back(text);
    }
    texts.insert(texts.end(), environment.begin(), environment.end());
    std::vector<char*> pointers;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (i == argument_count) pointers.push_back(nullptr);
      pointers.push_back(texts[i].data());
    }
    pointers.push_back(nullptr);

    int out[2];
    int err[2];
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0)
      throw std::system_error(errno, std::generic_category(), "pipe2");
    pid_ = fork();
    if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      dup2(out[1], STDOUT_FILENO);
      dup2(err[1], STDERR_FILENO);
      execve(pointers[0], pointers.data(), pointers.data() + argument_count + 1);
      _exit(127);
    }
    ::close(out[1]);
    ::close(err[1]);
    reader_ =
        std::thread([this, from_out = out[0], from_err = err[0]] { read(from_out, from_err); });
  }
  process(const process&) = delete;
  process& operator=(const process&) = delete;
  ~process() {
    kill();
    if (has_sanitizer_report()) FAIL_CHECK(output());
  }

  pid_t pid() const { return pid_; }

  /// Sends a signal if the program still runs.
  void signal(int number) {
    if (!status_) ::kill(pid_, number);
  }
  /// Kills the program and waits for its end.
  void kill() {
    signal(SIGKILL);
    wait_exit();
  }

  /// Returns the exit status as in a shell (128 + n for signal n), or nothing if the program still
  /// runs after `limit`. Once there is a status, the output is complete.
  std::optional<int> wait_exit(std::chrono::milliseconds limit = test_timeout) {
    eventually(
        [this] {
          int raw = 0;
          if (!status_ && waitpid(pid_, &raw, WNOHANG) == pid_)
            status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
          return status_.has_value();
        },
        limit);
    if (status_ && reader_.joinable()) reader_.join();
    return status_;
  }

  /// Waits until the output (of both streams) contains `text` at least `times` times from the
  /// offset `from` on. Returns false after `limit`, or once the program has closed its output.
  bool wait_for(std::string_view text, std::size_t times = 1, std::size_t from = 0,
                std::chrono::milliseconds limit = test_timeout) {
    std::unique_lock lock(mutex_);
    const auto found = [&] {
      return occurrences(std::string_view(all_).substr(from), text) >= times;
    };
    changed_.wait_for(lock, limit, [&] { return ended_ || found(); });
    return found();
  }

  /// Returns what the program has written so far: to both streams in the order of arrival, or to
  /// one.
  std::string output() const { return locked(all_); }
  std::string standard_output() const { return locked(out_); }
  std::string standard_error() const { return locked(err_); }

 private:
  /// Returns whether a sanitizer reported something.
  bool has_sanitizer_report() const {
    const std::string written = output();
    return written.find("Sanitizer:") != written.npos ||
           written.find(": runtime error:") != written.npos;
  }
  std::string locked(const std::string& text) const {
    const std::lock_guard lock(mutex_);
    return text;
  }
  void read(int from_out, int from_err) {
    pollfd fds[2] = {{from_out, POLLIN, 0}, {from_err, POLLIN, 0}};
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
      if (poll(fds, 2, -1) < 0) continue;
      for (pollfd& entry : fds) {
        if (entry.fd < 0 || entry.revents == 0) continue;
        char chunk[4096];
        const ssize_t n = ::read(entry.fd, chunk, sizeof chunk);
        if (n <= 0) {
          ::close(entry.fd);
          entry.fd = -1;
          continue;
        }
        const std::lock_guard lock(mutex_);
        all_.append(chunk, static_cast<std::size_t>(n));
        (&entry == fds ? out_ : err_).append(chunk, static_cast<std::size_t>(n));
        changed_.notify_all();
      }
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  pid_t pid_ = -1;
  std::optional<int> status_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string all_;
  std::string out_;
  std::string err_;
  bool ended_ = false;
  std::thread reader_;
};

}  // namespace rathole::test
