#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace rathole::admin {

/// The last `Size` values of a quantity that is sampled at a fixed interval.
template <class T, std::size_t Size>
class ring {
 public:
  /// Adds a value; the oldest one is forgotten if there are more than `Size`.
  void add(T value) {
    if (values_.size() == Size) {
      values_[oldest_] = value;
      oldest_ = (oldest_ + 1) % Size;
      return;
    }
    if (values_.size() == values_.capacity()) {
      values_.reserve(std::min(Size, std::max(first_capacity, 2 * values_.capacity())));
    }
    values_.push_back(value);
  }

  /// Returns the values, the oldest first.
  [[nodiscard]] std::vector<T> values() const {
    std::vector<T> out = values_;
    std::ranges::rotate(out, out.begin() + static_cast<std::ptrdiff_t>(oldest_));
    return out;
  }

 private:
  static constexpr std::size_t first_capacity = 16;

  /// It grows, because many services run for less time than it covers.
  std::vector<T> values_;
  std::size_t oldest_ = 0;
};

/// Turns a total that only grows into what was added in each interval.
class growth {
 public:
  /// Returns by how much `total` has grown since the last call.
  std::uint64_t since_last(std::uint64_t total) {
    const std::uint64_t added = total >= last_ ? total - last_ : 0;
    last_ = total;
    return added;
  }

 private:
  std::uint64_t last_ = 0;
};

}  // namespace rathole::admin
