#pragma once

namespace rathole::crypto::openssl {

/// Frees an object of OpenSSL by the function `Free`; the deleter of a `std::unique_ptr`.
template <auto Free>
struct free_by {
  /// Frees `owned`.
  template <class T>
  void operator()(T* owned) const {
    Free(owned);
  }
};

}  // namespace rathole::crypto::openssl
