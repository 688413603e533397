#pragma once

#include <rathole/core/file_identity.hpp>
#include <rathole/tls/file_news.hpp>

#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
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
    identities seen = identities_of(files);
    auto made = make();
    if (!made) return std::unexpected(std::move(made.error()));
    return std::unique_ptr<reloading>(new reloading(std::move(files), std::move(seen),
                                                    std::move(*made), std::move(make),
                                                    std::move(report_problem)));
  }

  /// Returns the value for the current files. If they cannot be used, or while another thread makes
  /// the new value, it returns the previous value.
  T current() {
    if (const std::unique_lock checks(checking_, std::try_to_lock); checks) check();
    const std::lock_guard reads(reading_);
    return value_;
  }

 private:
  /// The identity of each file; nothing for one that does not exist.
  using identities = std::vector<std::optional<file_identity>>;

  reloading(std::vector<std::string> files, identities seen, T value, maker make,
            problem_handler report_problem)
      : files_(std::move(files)),
        make_(std::move(make)),
        report_problem_(std::move(report_problem)),
        seen_(std::move(seen)),
        value_(std::move(value)) {}

  static identities identities_of(const std::vector<std::string>& files) {
    identities out;
    for (const std::string& file : files) out.push_back(identity_of(file));
    return out;
  }

  void check() {
    // The identities are taken before the files are read, so that a later change is noticed.
    identities now = identities_of(files_);
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
  std::mutex checking_;
  /// The identities of the files when they were last read. Guarded by `checking_`.
  identities seen_;
  std::mutex reading_;
  /// Guarded by `reading_`.
  T value_;
};

}  // namespace rathole::tls
