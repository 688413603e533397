#pragma once

#include <algorithm>
#include <array>
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
    values_[next_] = value;
    next_ = (next_ + 1) % Size;
    size_ = std::min(size_ + 1, Size);
  }

  /// Returns the values, the oldest first.
  [[nodiscard]] std::vector<T> values() const {
    std::vector<T> out;
    out.reserve(size_);
    for (std::size_t i = 0; i < size_; ++i)
      out.push_back(values_[(next_ + Size - size_ + i) % Size]);
    return out;
  }

 private:
  std::array<T, Size> values_{};
  std::size_t next_ = 0;
  std::size_t size_ = 0;
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
