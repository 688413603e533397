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

/// Bytes that must not leak, such as a token. They are wiped when the object releases them, are
/// compared in constant time, and print as "MASKED". There is deliberately no `operator<<`.
class secret {
 public:
  /// Makes an empty secret.
  secret() = default;

  /// Copies the bytes of `text`, then wipes `text`.
  explicit secret(std::string text) : secret(bytes(text)) { wipe(bytes(text)); }

  /// Copies the bytes of `other`.
  secret(const secret& other) : secret(other.bytes()) {}
  /// Takes the bytes of `other`, which becomes empty.
  secret(secret&& other) noexcept
      : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}
  /// Replaces the bytes by those of `other`; the old ones are wiped.
  secret& operator=(secret other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    return *this;
  }
  /// Wipes the bytes.
  ~secret() { wipe({bytes_.get(), size_}); }

  /// Returns the bytes as text; the view is valid until the object is changed.
  [[nodiscard]] std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes_.get()), size_};
  }

  /// Returns the bytes; the view is valid until the object is changed.
  [[nodiscard]] byte_view bytes() const { return {bytes_.get(), size_}; }

  /// Returns whether the secret has no bytes.
  [[nodiscard]] bool empty() const { return size_ == 0; }

  /// Compares two secrets in a time that depends only on their lengths.
  [[nodiscard]] bool operator==(const secret& other) const {
    return constant_time_equal(bytes(), other.bytes());
  }

 private:
  explicit secret(byte_view in) : size_(in.size()) {
    if (in.empty()) return;
    bytes_ = std::make_unique<std::uint8_t[]>(size_);
    std::copy(in.begin(), in.end(), bytes_.get());
  }

  static byte_span bytes(std::string& text) {
    return {reinterpret_cast<std::uint8_t*>(text.data()), text.size()};
  }

  // Not a std::string: moving a short one may leave a copy behind.
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t size_ = 0;
};

/// Returns "MASKED", never the secret.
inline std::string to_string(const secret&) { return "MASKED"; }

}  // namespace rathole
