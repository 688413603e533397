#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace rathole::tls {

/// Told in words why files that changed were not taken over.
using complaint = std::function<void(const std::string&)>;

/// A value that is made from files, and made again when they have changed. Any number of threads
/// may ask for it. `T` is cheap to copy.
template <class T>
class reloading {
 public:
  using maker = std::function<std::expected<T, std::string>()>;

  /// Fails as `make` does. `complain` may be empty.
  static std::expected<std::unique_ptr<reloading>, std::string> load(std::vector<std::string> files,
                                                                     maker make,
                                                                     complaint complain) {
    std::vector<stamp> seen = stamps_of(files);
    auto made = make();
    if (!made) return std::unexpected(std::move(made.error()));
    return std::unique_ptr<reloading>(new reloading(
        std::move(files), std::move(seen), std::move(*made), std::move(make), std::move(complain)));
  }

  /// The value of the files as they are. If they cannot be used, or while another thread makes the
  /// new value, it is the one before.
  T current() {
    if (const std::unique_lock looks(looking_, std::try_to_lock); looks) look();
    const std::lock_guard reads(reading_);
    return value_;
  }

 private:
  /// What tells one state of a file from another; all zero if there is no file.
  struct stamp {
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    std::uint64_t size = 0;
    std::uint64_t inode = 0;
    std::uint64_t device = 0;
    bool operator==(const stamp&) const = default;
  };

  reloading(std::vector<std::string> files, std::vector<stamp> seen, T value, maker make,
            complaint complain)
      : files_(std::move(files)),
        make_(std::move(make)),
        complain_(std::move(complain)),
        seen_(std::move(seen)),
        value_(std::move(value)) {}

  static std::vector<stamp> stamps_of(const std::vector<std::string>& files) {
    std::vector<stamp> out;
    for (const std::string& file : files) {
      struct ::stat is{};
      if (::stat(file.c_str(), &is) != 0) is = {};
      out.push_back({.seconds = is.st_mtim.tv_sec,
                     .nanoseconds = is.st_mtim.tv_nsec,
                     .size = static_cast<std::uint64_t>(is.st_size),
                     .inode = is.st_ino,
                     .device = is.st_dev});
    }
    return out;
  }

  void look() {
    // Taken before the files are read: what is written meanwhile is another state.
    std::vector<stamp> now = stamps_of(files_);
    if (now == seen_) return;
    seen_ = std::move(now);
    auto made = make_();
    if (!made) {
      if (complain_) complain_(made.error());
      return;
    }
    const std::lock_guard writes(reading_);
    std::swap(value_, *made);
  }

  const std::vector<std::string> files_;
  const maker make_;
  const complaint complain_;
  std::mutex looking_;
  /// Guarded by `looking_`.
  std::vector<stamp> seen_;
  std::mutex reading_;
  /// Guarded by `reading_`.
  T value_;
};

}  // namespace rathole::tls
