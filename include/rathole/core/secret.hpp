#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/constant_time.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace rathole {

/// Octets that must not leak, such as a token: they are wiped when the object lets go of them, are
/// compared in constant time, and print as "MASKED". There is deliberately no `operator<<`.
class secret {
 public:
  /// The empty secret.
  secret() = default;

  /// Takes the octets of `text` and wipes it.
  explicit secret(std::string text) : secret(octets(text)) { wipe(octets(text)); }

  secret(const secret& other) : secret(other.bytes()) {}
  secret(secret&& other) noexcept
      : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}
  secret& operator=(secret other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~secret() { wipe({bytes_.get(), size_}); }

  /// The octets as text; valid until the object is changed.
  [[nodiscard]] std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes_.get()), size_};
  }

  /// The octets; valid until the object is changed.
  [[nodiscard]] byte_view bytes() const { return {bytes_.get(), size_}; }

  [[nodiscard]] bool empty() const { return size_ == 0; }

  /// Compares in a time that depends on the lengths only.
  [[nodiscard]] bool operator==(const secret& other) const {
    return constant_time_equal(bytes(), other.bytes());
  }

 private:
  explicit secret(byte_view in) : size_(in.size()) {
    if (in.empty()) return;
    bytes_ = std::make_unique<std::uint8_t[]>(size_);
    std::copy(in.begin(), in.end(), bytes_.get());
  }

  static byte_span octets(std::string& text) {
    return {reinterpret_cast<std::uint8_t*>(text.data()), text.size()};
  }

  // Not a std::string: its moves may leave a copy of a short text behind.
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t size_ = 0;
};

/// What a secret prints as.
inline std::string to_string(const secret&) { return "MASKED"; }

}  // namespace rathole
