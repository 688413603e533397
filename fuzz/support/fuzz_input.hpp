#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rathole::fuzz {

/// The fuzzer's input as a sequence of decisions. After its end every decision is 0.
class fuzz_input {
 public:
  fuzz_input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }

  /// Returns the next byte.
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t out = rest_.front();
    rest_ = rest_.subspan(1);
    return out;
  }

  /// Returns a number less than `bound`, which is 1 to 256.
  std::size_t below(std::size_t bound) { return byte() % bound; }

  bool flag() { return byte() % 2 != 0; }

  /// Reads a length of up to 255 and returns as many bytes; fewer at the end.
  byte_view bytes() { return take(byte()); }

  /// Returns all that is left.
  byte_view rest() { return take(rest_.size()); }

  /// Returns the text up to the end of the line, which is removed with it.
  std::string_view line() {
    const std::string_view all(reinterpret_cast<const char*>(rest_.data()), rest_.size());
    const std::size_t end = std::min(all.find('\n'), all.size());
    take(end + 1);
    return all.substr(0, end);
  }

  /// Returns all that is left, as text.
  std::string_view text() {
    const byte_view all = rest();
    return {reinterpret_cast<const char*>(all.data()), all.size()};
  }

  /// Returns a time from 0 to about a minute, the short ones in small steps.
  duration time() {
    const unsigned value = byte();
    return std::chrono::milliseconds((1 + value % 16) << value / 16 >> 3);
  }

 private:
  byte_view take(std::size_t count) {
    const byte_view out = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(out.size());
    return out;
  }

  byte_view rest_;
};

}  // namespace rathole::fuzz
