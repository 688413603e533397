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

namespace rathole::io {

/// Reports by inotify(7) when something happens to the file at a path, or to a directory entry that
/// the path leads through: a link, a directory, the file. A report may be about nothing relevant,
/// and some changes are not reported, such as a mount or a change by another machine to a shared
/// file.
class inotify_watch final : poll_watch {
 public:
  /// Starts the watch on `path`, which must be absolute. `changed` is called on `ex` after such
  /// events, and must not destroy the watch.
  inotify_watch(const executor& ex, std::filesystem::path path,
                std::move_only_function<void()> changed)
      : poll_watch(poller::of(ex)), path_(std::move(path)), changed_(std::move(changed)) {
    follow();
  }
  /// Ends the watch; `changed` is not called any more.
  ~inotify_watch() { stop(); }

  /// Follows the path again, because it may lead elsewhere; the watch does so itself after each
  /// event.
  void follow() {
    is_complete_ = open();
    if (!is_complete_) return;
    watches found;
    const auto end = follow_links(path_, [&](const auto& directory, const auto& name) {
      // The watch is added before the lookup, so that no change can happen in between.
      if (const int watch = add(directory, entry_events); watch >= 0) found[watch].insert(name);
    });
    if (const int watch = end ? add(*end, content_events) : -1; watch >= 0) found[watch];
    for (const auto& [watch, names] : watches_) {
      if (!found.contains(watch)) ::inotify_rm_watch(notifier_.get(), watch);
    }
    watches_ = std::move(found);
  }

  /// Returns whether the kernel watches the whole path. It may be out of watches or descriptors, or
  /// a directory may not be readable.
  [[nodiscard]] bool is_complete() const { return is_complete_; }

 private:
  /// A map from the watch of a directory to the names that matter in it; the watch of the file has
  /// none.
  using watches = std::map<int, std::set<std::string, std::less<>>>;

  static constexpr std::uint32_t itself = IN_DELETE_SELF | IN_MOVE_SELF;
  static constexpr std::uint32_t entry_events =
      IN_ONLYDIR | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | itself;
  static constexpr std::uint32_t content_events = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | itself;

  /// How many bytes of events are read at once.
  static constexpr std::size_t batch_size = 4096;

  bool open() {
    if (notifier_.is_open()) return true;
    notifier_ = descriptor(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (notifier_.is_open() && want(notifier_.get(), EPOLLIN)) notifier_.close();
    return notifier_.is_open();
  }

  int add(const std::filesystem::path& what, std::uint32_t events) {
    const int watch = ::inotify_add_watch(notifier_.get(), what.c_str(), events);
    if (watch < 0) is_complete_ = false;
    return watch;
  }

  /// Returns whether an event matters. An event without a name concerns the watched object itself.
  [[nodiscard]] bool matters(const inotify_event& event, std::string_view name) const {
    if ((event.mask & IN_Q_OVERFLOW) != 0) return true;
    const auto at = watches_.find(event.wd);
    return at != watches_.end() && (name.empty() || at->second.contains(name));
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
    if (!any) return;
    follow();
    changed_();
  }

  std::filesystem::path path_;
  std::move_only_function<void()> changed_;
  descriptor notifier_;
  watches watches_;
  bool is_complete_ = false;
};

}  // namespace rathole::io
