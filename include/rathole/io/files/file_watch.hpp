#pragma once

#include <rathole/core/file_identity.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/files/debounce.hpp>
#include <rathole/io/files/inotify_watch.hpp>
#include <rathole/io/task.hpp>
#include <rathole/io/time/asio_timer.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>

namespace rathole::io {

/// The times between the checks of a `file_watch`.
struct file_watch_settings {
  /// How long there must have been no event before the file is checked.
  duration quiet = std::chrono::milliseconds(100);
  /// The longest time between the first event and the check.
  duration max_burst = std::chrono::seconds(1);
  /// How often the file is checked without events, because the kernel does not report every change.
  duration poll_interval = std::chrono::seconds(2);
  /// Whether inotify(7) is used.
  bool use_inotify = true;
};

/// Reports when the file at a path may have another content: after it was written or replaced, also
/// if the path leads through links, or if directories on the path are replaced. Events of the
/// kernel and a periodic check are only hints; the callback is called if the identity of the file
/// has changed. A file that is missing counts as changed only once it exists again.
///
/// The checks read only metadata, on the executor's thread.
class file_watch {
 public:
  /// Starts the watch. `changed` is called on `ex`; it may close the watch but must not destroy it.
  /// To miss no change, read the file after this call. A relative path starts at the current
  /// directory of this moment. The context of `ex` has work until the watch is closed.
  file_watch(const executor& ex, const std::filesystem::path& file,
             std::move_only_function<void()> changed, const file_watch_settings& settings = {})
      : changed_(std::move(changed)),
        poll_interval_(settings.poll_interval),
        burst_(settings.quiet, settings.max_burst),
        burst_timer_(ex),
        poll_timer_(ex) {
    std::error_code ignored;
    path_ = std::filesystem::absolute(file, ignored);
    if (settings.use_inotify) inotify_.emplace(ex, path_, [this] { hint(); });
    known_ = identity_of(path_);
    arm_poll();
  }
  file_watch(const file_watch&) = delete;
  file_watch& operator=(const file_watch&) = delete;

  /// Ends the watch; there are no more callbacks.
  void close() {
    inotify_.reset();
    burst_timer_.disarm();
    poll_timer_.disarm();
  }

 private:
  void hint() {
    burst_.hint(clock::now());
    burst_timer_.arm(*burst_.due(), [this] { check(); });
  }

  void check() {
    const bool goes_on = burst_.is_cut_off();
    burst_.reset();
    const auto found = identity_of(path_);
    if (!found || found == known_) return;
    known_ = found;
    if (goes_on) {
      // The next write may have the same time stamp as this one.
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
    // A change that inotify missed may have been a mount, after which the path leads elsewhere.
    if (inotify_ && (is_news || !inotify_->is_complete())) inotify_->follow();
    if (is_news) hint();
    arm_poll();
  }

  std::filesystem::path path_;
  std::move_only_function<void()> changed_;
  const duration poll_interval_;
  debounce burst_;
  /// The identity of the file at the last check; empty if there was no file.
  std::optional<file_identity> known_;
  asio_timer burst_timer_;
  asio_timer poll_timer_;
  std::optional<inotify_watch> inotify_;
};

}  // namespace rathole::io
