#pragma once

#include <rathole/core/file_identity.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/files/change_pacer.hpp>
#include <rathole/io/files/debounce.hpp>
#include <rathole/io/files/inotify_watch.hpp>
#include <rathole/io/task.hpp>
#include <rathole/io/time/asio_timer.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
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
  /// How often changes are reported that do not end.
  change_pace pace = {};
};

/// Reports when files may have another content: after one was written or replaced, also if its path
/// leads through links, or if directories on the path are replaced; and when others are to be
/// watched. Events of the kernel and a periodic check are only hints; the callback is called if the
/// identity of a file has changed. A file that is missing counts as changed only once it exists
/// again. Files that never rest are reported ever more rarely; see `change_pace`.
///
/// The checks read only metadata, on the executor's thread.
class file_watch {
 public:
  /// A function that returns what is to be watched now. It is called on the executor's thread, at
  /// every check.
  using path_source = std::move_only_function<watched_paths()>;

  /// Starts the watch of what `paths` returns. `changed` is called on `ex`; it may close the watch but
  /// must not destroy it. To miss no change, read the files after this call. Relative paths start at
  /// the current directory of this moment. The context of `ex` has work until the watch is closed.
  file_watch(const executor& ex, path_source paths, std::move_only_function<void()> changed,
             const file_watch_settings& settings = {})
      : paths_(std::move(paths)),
        changed_(std::move(changed)),
        poll_interval_(settings.poll_interval),
        burst_(settings.quiet, settings.max_burst),
        pacer_(settings.pace),
        burst_timer_(ex),
        poll_timer_(ex) {
    std::error_code ignored;
    start_ = std::filesystem::current_path(ignored);
    if (settings.use_inotify) inotify_.emplace(ex, [this] { refresh(); });
    follow();
    known_ = look();
    arm_poll();
  }
  /// Starts the watch of one file, as above.
  file_watch(const executor& ex, const std::filesystem::path& file,
             std::move_only_function<void()> changed, const file_watch_settings& settings = {})
      : file_watch(
            ex, [file] { return watched_paths{.files = {file}}; }, std::move(changed), settings) {}
  file_watch(const file_watch&) = delete;
  file_watch& operator=(const file_watch&) = delete;

  /// Watches what is to be watched by now, and checks it soon. Must be called when the result of
  /// the `path_source` has changed for a reason that is none of its files and directories.
  void refresh() {
    follow();
    hint();
  }

  /// Returns the shortest time between the last report and the next one, because of many changes; usually 0.
  [[nodiscard]] duration pause() const { return pacer_.pause(); }

  /// Ends the watch; there are no more callbacks.
  void close() {
    inotify_.reset();
    burst_timer_.disarm();
    poll_timer_.disarm();
  }

 private:
  /// The identities of files by their paths; empty for one that is missing.
  using identities = std::map<std::filesystem::path, std::optional<file_identity>>;

  void hint() {
    burst_.hint(clock::now());
    const time_point due = *burst_.due();
    burst_timer_.arm(std::max(due, pacer_.next().value_or(due)), [this] { check(); });
  }

  void check() {
    const bool goes_on = burst_.is_cut_off();
    burst_.reset();
    identities found = look();
    if (found == known_) return;
    known_ = std::move(found);
    pacer_.report(clock::now());
    if (goes_on) {
      // The next write may have the same time stamp as this one.
      known_.clear();
      hint();
    }
    changed_();
  }

  [[nodiscard]] watched_paths paths() {
    watched_paths out = paths_();
    for (auto* const list : {&out.files, &out.directories}) {
      for (auto& each : *list) each = start_ / each;
    }
    return out;
  }

  void follow() {
    if (inotify_) inotify_->follow(paths());
  }

  /// Returns the identities of the files now. One that is missing keeps the identity that it had.
  [[nodiscard]] identities look() {
    identities out;
    for (const auto& file : paths().files) {
      auto found = identity_of(file);
      const auto before = found ? known_.end() : known_.find(file);
      if (before != known_.end()) found = before->second;
      out.emplace(file, found);
    }
    return out;
  }

  void arm_poll() {
    poll_timer_.arm(clock::now() + poll_interval_, [this] { poll(); });
  }

  void poll() {
    const bool is_news = !burst_.due() && look() != known_;
    // A change that inotify missed may have been a mount, after which the paths lead elsewhere.
    if (is_news || (inotify_ && !inotify_->is_complete())) follow();
    if (is_news) hint();
    arm_poll();
  }

  path_source paths_;
  /// Where relative paths start.
  std::filesystem::path start_;
  std::move_only_function<void()> changed_;
  const duration poll_interval_;
  debounce burst_;
  change_pacer pacer_;
  /// The identities at the last check.
  identities known_;
  asio_timer burst_timer_;
  asio_timer poll_timer_;
  std::optional<inotify_watch> inotify_;
};

}  // namespace rathole::io
