#pragma once

#include <rathole/io/files/follow_links.hpp>
#include <rathole/io/poll/poller.hpp>
#include <rathole/io/socket/descriptor.hpp>
#include <rathole/io/task.hpp>

#include <sys/epoll.h>
#include <sys/inotify.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::io {

/// The paths that a watch follows, which must be absolute.
struct watched_paths {
  /// The files whose contents matter.
  std::vector<std::filesystem::path> files = {};
  /// The directories of which every entry matters.
  std::vector<std::filesystem::path> directories = {};
};

/// Reports by inotify(7) when something happens to files or directories, or to a directory entry that
/// the path of one leads through: a link, a directory, the file. A report may be about nothing
/// relevant, and some changes are not reported, such as a mount or a change by another machine to a
/// shared file.
class inotify_watch final : poll_watch {
 public:
  /// Starts a watch that follows nothing yet. `changed` is called on `ex` after such events, and must
  /// not destroy the watch.
  inotify_watch(const executor& ex, std::move_only_function<void()> changed)
      : poll_watch(poller::of(ex)), changed_(std::move(changed)) {}
  /// Ends the watch; `changed` is not called any more.
  ~inotify_watch() { stop(); }

  /// Follows `paths` instead of those so far. Must be called again after each event, because they may
  /// lead elsewhere.
  void follow(const watched_paths& paths) {
    is_complete_ = open();
    if (!is_complete_) return;
    watches found;
    followed_.clear();
    for (const auto& file : paths.files) {
      if (const int watch = add_path(file, content_events, found); watch >= 0) found[watch];
    }
    for (const auto& directory : paths.directories) {
      const int watch = add_path(directory, entry_events | content_events, found);
      if (watch >= 0) found[watch].any = true;
    }
    for (const auto& [watch, names] : watches_) {
      if (!found.contains(watch)) ::inotify_rm_watch(notifier_.get(), watch);
    }
    watches_ = std::move(found);
  }

  /// Returns whether the kernel watches the paths as a whole. It may be out of watches or descriptors,
  /// or a directory may not be readable.
  [[nodiscard]] bool is_complete() const { return is_complete_; }

 private:
  /// The entries of a directory that matter; a file has none.
  struct entries {
    std::set<std::string, std::less<>> names = {};
    /// Whether all entries matter.
    bool any = false;
  };
  using watches = std::map<int, entries>;

  static constexpr std::uint32_t itself = IN_DELETE_SELF | IN_MOVE_SELF;
  static constexpr std::uint32_t entry_events =
      IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | itself;
  static constexpr std::uint32_t content_events = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | itself;

  /// How many bytes of events are read at once.
  static constexpr std::size_t batch_size = 4096;

  bool open() {
    if (notifier_.is_open()) return true;
    notifier_ = descriptor(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (notifier_.is_open() && want(notifier_.get(), EPOLLIN)) notifier_.close();
    return notifier_.is_open();
  }

  /// Adds watches for the entries that `path` leads through to `found`, and one for what is at its
  /// end; returns that one, or a negative number.
  int add_path(const std::filesystem::path& path, std::uint32_t events, watches& found) {
    const auto end = follow_links(path, [&](const auto& directory, const auto& name) {
      // The watch is added before the lookup, so that no change can happen in between.
      const auto known = followed_.find(directory);
      const int watch =
          known != followed_.end() ? known->second : add(directory, entry_events | IN_ONLYDIR);
      followed_.emplace(directory, watch);
      if (watch >= 0) found[watch].names.insert(name);
    });
    return end ? add(*end, events) : -1;
  }

  int add(const std::filesystem::path& what, std::uint32_t events) {
    // A directory may be both on a path and at the end of one.
    const int watch = ::inotify_add_watch(notifier_.get(), what.c_str(), events | IN_MASK_ADD);
    if (watch < 0) is_complete_ = false;
    return watch;
  }

  /// Returns whether an event matters. An event without a name concerns the watched object itself.
  [[nodiscard]] bool matters(const inotify_event& event, std::string_view name) const {
    if ((event.mask & IN_Q_OVERFLOW) != 0) return true;
    const auto at = watches_.find(event.wd);
    if (at == watches_.end()) return false;
    return name.empty() || at->second.any || at->second.names.contains(name);
  }

  void ready(std::uint32_t) override {
    std::array<char, batch_size> batch;
    const ssize_t size = ::read(notifier_.get(), batch.data(), batch.size());
    bool any = false;
    for (ssize_t at = 0; at < size;) {
      inotify_event event;
      std::memcpy(&event, batch.data() + at, sizeof event);
      const char* const name = batch.data() + at + sizeof event;
      any = matters(event, {name, ::strnlen(name, event.len)}) || any;
      // The kernel has removed the watch.
      if ((event.mask & IN_IGNORED) != 0) watches_.erase(event.wd);
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
    if (any) changed_();
  }

  std::move_only_function<void()> changed_;
  descriptor notifier_;
  watches watches_;
  /// The watches of directories on the paths that are being followed.
  std::map<std::filesystem::path, int> followed_;
  bool is_complete_ = false;
};

}  // namespace rathole::io
