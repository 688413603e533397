#pragma once

#include <rathole/tls/file_news.hpp>

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

/// Holds a value that is made from files, and makes it again when they have changed. Any number of
/// threads may use it. `T` must be cheap to copy.
template <class T>
class reloading {
 public:
  /// A function that makes the value from the files. It fails with a text for users.
  using maker = std::function<std::expected<T, std::string>()>;

  /// Makes the value for the first time. Fails as `make` does. `report_problem` may be empty.
  static std::expected<std::unique_ptr<reloading>, std::string> load(
      std::vector<std::string> files, maker make, problem_handler report_problem) {
    std::vector<stamp> seen = stamps_of(files);
    auto made = make();
    if (!made) return std::unexpected(std::move(made.error()));
    return std::unique_ptr<reloading>(new reloading(std::move(files), std::move(seen),
                                                    std::move(*made), std::move(make),
                                                    std::move(report_problem)));
  }

  /// Returns the value for the current files. If they cannot be used, or while another thread makes
  /// the new value, it returns the previous value.
  T current() {
    if (const std::unique_lock looks(looking_, std::try_to_lock); looks) look();
    const std::lock_guard reads(reading_);
    return value_;
  }

 private:
  /// The metadata that identify one state of a file; all zero if there is no file.
  struct stamp {
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    std::uint64_t size = 0;
    std::uint64_t inode = 0;
    std::uint64_t device = 0;
    /// Compares all members.
    bool operator==(const stamp&) const = default;
  };

  reloading(std::vector<std::string> files, std::vector<stamp> seen, T value, maker make,
            problem_handler report_problem)
      : files_(std::move(files)),
        make_(std::move(make)),
        report_problem_(std::move(report_problem)),
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
    // The stamps are taken before the files are read, so that a later change is noticed.
    std::vector<stamp> now = stamps_of(files_);
    if (now == seen_) return;
    seen_ = std::move(now);
    auto made = make_();
    if (!made) {
      if (report_problem_) report_problem_(file_news::refused, made.error());
      return;
    }
    {
      const std::lock_guard writes(reading_);
      std::swap(value_, *made);
    }
    if (!report_problem_) return;
    const char* const verb = files_.size() > 1 ? " are" : " is";
    report_problem_(file_news::loaded, names_of(files_) + " changed and" + verb + " in use");
  }

  static std::string names_of(const std::vector<std::string>& files) {
    std::string out;
    for (const std::string& file : files) out += (out.empty() ? "\"" : ", \"") + file + '"';
    return out;
  }

  const std::vector<std::string> files_;
  const maker make_;
  const problem_handler report_problem_;
  std::mutex looking_;
  /// Guarded by `looking_`.
  std::vector<stamp> seen_;
  std::mutex reading_;
  /// Guarded by `reading_`.
  T value_;
};

}  // namespace rathole::tls
