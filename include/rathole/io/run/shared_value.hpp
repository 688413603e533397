#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace rathole::io {

/// A value that one thread replaces and others read. A reader keeps the value that it loaded.
template <class T>
class shared_value {
 public:
  /// Makes an object that holds `first`.
  explicit shared_value(T first) : value_(std::make_shared<const T>(std::move(first))) {}

  /// Returns the latest value, never null. May be called by any thread.
  [[nodiscard]] std::shared_ptr<const T> load() const {
    const std::lock_guard held(guard_);
    return value_;
  }

  /// Replaces the value. May be called by any thread.
  void store(T next) {
    auto made = std::make_shared<const T>(std::move(next));
    const std::lock_guard held(guard_);
    value_.swap(made);
  }

 private:
  mutable std::mutex guard_;
  std::shared_ptr<const T> value_;
};

}  // namespace rathole::io
