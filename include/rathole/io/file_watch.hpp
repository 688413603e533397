#pragma once

#include <rathole/core/time.hpp>
#include <rathole/io/asio_timer.hpp>
#include <rathole/io/debounce.hpp>
#include <rathole/io/file_identity.hpp>
#include <rathole/io/path_watch.hpp>
#include <rathole/io/task.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>

namespace rathole::io {

/// How a `file_watch` looks.
struct file_watch_settings {
  /// A file is looked at when nothing has happened to it for this long,
  duration quiet = std::chrono::milliseconds(100);
  /// and at the latest this long after something has.
  duration longest_burst = std::chrono::seconds(1);
  /// How often it is looked at in any case: for what the kernel does not tell.
  duration poll_interval = std::chrono::seconds(2);
  /// Whether the kernel is asked to tell at all.
  bool use_inotify = true;
};

/// Tells when the file that a path leads to may have another content: after it was written, or
/// something else was put in its place, however; also where the path leads through links, or
/// directories of it are exchanged. What the kernel tells of it, and a look every now and then, are
/// hints only: the call comes if the file has another identity then. A file that is not there is no
/// change until there is one again.
///
/// The looks are at metadata only, made on the executor's thread.
class file_watch {
 public:
  /// Watches from now on and calls `changed` on `ex`, which may close the watch but not destroy it.
  /// To miss nothing, read the file after this. A relative path starts in the directory that is
  /// current now. The context has work until the watch is closed.
  file_watch(const executor& ex, const std::filesystem::path& file,
             std::move_only_function<void()> changed, const file_watch_settings& settings = {})
      : changed_(std::move(changed)),
        poll_interval_(settings.poll_interval),
        burst_(settings.quiet, settings.longest_burst),
        burst_timer_(ex),
        poll_timer_(ex) {
    std::error_code ignored;
    path_ = std::filesystem::absolute(file, ignored);
    if (settings.use_inotify) kernel_.emplace(ex, path_, [this] { hint(); });
    known_ = identity_of(path_);
    arm_poll();
  }
  file_watch(const file_watch&) = delete;
  file_watch& operator=(const file_watch&) = delete;

  /// No more calls.
  void close() {
    kernel_.reset();
    burst_timer_.disarm();
    poll_timer_.disarm();
  }

 private:
  void hint() {
    burst_.hint(clock::now());
    burst_timer_.arm(*burst_.due(), [this] { look(); });
  }

  void look() {
    const bool goes_on = burst_.is_cut_off();
    burst_.reset();
    const auto found = identity_of(path_);
    if (!found || found == known_) return;
    known_ = found;
    if (goes_on) {
      // The next write may be within the same tick of the file system's clock.
      known_.reset();
      hint();
    }
    changed_();
  }

  void arm_poll() {
    poll_timer_.arm(clock::now() + poll_interval_, [this] { poll(); });
  }

  void poll() {
    const auto found = identity_of(path_);
    const bool is_news = found && found != known_ && !burst_.due();
    // What the kernel did not tell may have been a mount, behind which the path leads elsewhere.
    if (kernel_ && (is_news || !kernel_->is_complete())) kernel_->follow();
    if (is_news) hint();
    arm_poll();
  }

  std::filesystem::path path_;
  std::move_only_function<void()> changed_;
  const duration poll_interval_;
  debounce burst_;
  /// Of the file at the last call; none if there was none.
  std::optional<file_identity> known_;
  asio_timer burst_timer_;
  asio_timer poll_timer_;
  std::optional<path_watch> kernel_;
};

}  // namespace rathole::io
