#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/constant_time.hpp>

#include <botan/hash.h>
#include <botan/secmem.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace rathole::tls {

/// The use of a derived value (RFC 7292 appendix B.3).
enum class pkcs12_purpose : std::uint8_t {
  /// The key of a cipher.
  key = 1,
  /// The initialization vector of a cipher.
  iv = 2,
  /// The key of a MAC.
  mac_key = 3
};

/// Derives `size` bytes from a password (RFC 7292 appendix B.2). `password` is a BMPString with its
/// terminator, or empty. `hash` is Botan's name of the hash function. Throws an exception of Botan
/// if the function is unknown.
inline Botan::secure_vector<std::uint8_t> pkcs12_kdf(const std::string& hash,
                                                     pkcs12_purpose purpose, byte_view password,
                                                     byte_view salt, std::size_t iterations,
                                                     std::size_t size) {
  const auto function = Botan::HashFunction::create_or_throw(hash);
  const std::size_t block = function->hash_block_size();
  const auto repeated = [block](byte_view in) {
    const std::size_t whole = (in.size() + block - 1) / block * block;
    Botan::secure_vector<std::uint8_t> out(whole);
    for (std::size_t i = 0; i < whole; ++i) out[i] = in[i % in.size()];
    return out;
  };
  const std::vector<std::uint8_t> diversifier(block, static_cast<std::uint8_t>(purpose));
  Botan::secure_vector<std::uint8_t> input = repeated(salt);
  const auto second = repeated(password);
  input.insert(input.end(), second.begin(), second.end());

  Botan::secure_vector<std::uint8_t> out;
  while (out.size() < size) {
    function->update(diversifier.data(), diversifier.size());
    function->update(input.data(), input.size());
    auto piece = function->final();
    for (std::size_t i = 1; i < iterations; ++i) {
      function->update(piece.data(), piece.size());
      function->final(piece.data());
    }
    out.insert(out.end(), piece.begin(), piece.end());
    // Adds the piece and one to each block of the input (RFC 7292 appendix B.2, step 6.C).
    for (std::size_t at = 0; at < input.size(); at += block) {
      unsigned carry = 1;
      for (std::size_t i = block; i-- > 0;) {
        carry += static_cast<unsigned>(input[at + i]) + piece[i % piece.size()];
        input[at + i] = static_cast<std::uint8_t>(carry);
        carry >>= 8;
      }
    }
  }
  out.resize(size);
  return out;
}

}  // namespace rathole::tls
