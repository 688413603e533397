#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/tls/asn1_tags.hpp>

#include <botan/asn1_obj.h>
#include <botan/ber_dec.h>
#include <botan/pwdhash.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::tls {

/// The limits on the work that a PKCS#12 file may cause.
struct pkcs12_limits {
  /// The largest total number of iterations of all key derivations, each multiplied by the number
  /// of hash blocks of its key. The default takes a few seconds.
  std::size_t iterations = 3'000'000;
};

namespace detail {

/// Bytes that are wiped when they are freed.
using secure_bytes = Botan::secure_vector<std::uint8_t>;

/// The reason why a file cannot be read, as text for users.
struct pkcs12_error : std::runtime_error {
  using runtime_error::runtime_error;
};

/// An algorithm and its parameters (AlgorithmIdentifier, RFC 5280 section 4.1.1.2).
struct pkcs12_algorithm {
  /// The object identifier, in dotted decimal notation.
  std::string oid;
  /// The parameters, in BER.
  std::vector<std::uint8_t> parameters;

  /// Reads the next value as an AlgorithmIdentifier. Throws an exception of Botan.
  static pkcs12_algorithm read(Botan::BER_Decoder& in) {
    pkcs12_algorithm out;
    Botan::BER_Decoder inside = enter_sequence(in);
    Botan::OID oid;
    inside.decode(oid).raw_bytes(out.parameters);
    out.oid = oid.to_string();
    return out;
  }
};

/// Reads a number of iterations, which must not be 0. Throws `pkcs12_error`.
inline std::size_t read_iterations(Botan::BER_Decoder& in) {
  std::size_t out = 0;
  in.decode(out);
  if (out == 0) throw pkcs12_error("the file demands 0 iterations");
  return out;
}

/// Subtracts a derivation of `size` bytes, in blocks of `block` bytes, from the remaining limits.
/// Throws `pkcs12_error` if they are exceeded.
inline void spend(pkcs12_limits& left, std::size_t iterations, std::size_t size,
                  std::size_t block) {
  const std::size_t blocks = (size + block - 1) / block;
  const std::size_t most = left.iterations / blocks;
  if (iterations > most) {
    throw pkcs12_error("the file demands " + std::to_string(iterations) + " iterations; at most " +
                       std::to_string(most) + " are accepted");
  }
  left.iterations -= iterations * blocks;
}

/// A supported algorithm with its name in Botan.
struct named_algorithm {
  /// The object identifier.
  std::string_view oid;
  /// Botan's name.
  const char* name;
  /// The size of the key, or of the output of a hash function, in bytes.
  std::size_t key_size;
};

/// Returns the algorithm `oid` from the list `known`. Throws `pkcs12_error`, which calls it a
/// `kind`, if it is not there.
template <std::size_t N>
const named_algorithm& find_algorithm(const std::array<named_algorithm, N>& known,
                                      const std::string& oid, const char* kind) {
  for (const named_algorithm& each : known) {
    if (each.oid == oid) return each;
  }
  throw pkcs12_error(std::string("the file uses a ") + kind + " that is not known here (" + oid +
                     ")");
}

/// The HMAC functions of RFC 8018 appendix B.1.
inline constexpr std::array<named_algorithm, 5> hmac_functions{{
    {"1.2.840.113549.2.7", "SHA-1", 20},
    {"1.2.840.113549.2.8", "SHA-224", 28},
    {"1.2.840.113549.2.9", "SHA-256", 32},
    {"1.2.840.113549.2.10", "SHA-384", 48},
    {"1.2.840.113549.2.11", "SHA-512", 64},
}};

/// Derives a key with the parameters `how`, which must be PBKDF2 (RFC 8018 section 5.2). The key
/// has `size` bytes, or if that is 0, as many as `how` says: from 20 (RFC 9579 section 7) to 128.
/// Throws `pkcs12_error`.
inline secure_bytes derive_pbkdf2(const pkcs12_algorithm& how, byte_view password, std::size_t size,
                                  pkcs12_limits& left) {
  if (how.oid != "1.2.840.113549.1.5.12") {
    throw pkcs12_error("the file uses a key derivation that is not known here (" + how.oid + ")");
  }
  Botan::BER_Decoder outer(how.parameters.data(), how.parameters.size());
  Botan::BER_Decoder parameters = enter_sequence(outer);
  std::vector<std::uint8_t> salt;
  parameters.decode(salt, octet_string_tag);
  const std::size_t iterations = read_iterations(parameters);
  std::string function(hmac_functions[0].oid);
  std::size_t stated = 0;
  while (parameters.more_items()) {
    const Botan::BER_Object next = parameters.get_next_object();
    constexpr std::uint32_t sequence = 0x30;
    if (tag_of(next) == sequence) {
      Botan::BER_Decoder inside(next.bits(), next.length());
      Botan::OID oid;
      inside.decode(oid);
      function = oid.to_string();
    } else {
      parameters.push_back(next);
      parameters.decode(stated);
    }
  }
  if (size == 0) {
    if (stated < 20 || stated > 128) throw pkcs12_error("the key of the MAC has a wrong length");
    size = stated;
  }
  const named_algorithm& hash = find_algorithm(hmac_functions, function, "hash function");
  spend(left, iterations, size, hash.key_size);
  const auto pbkdf2 =
      Botan::PasswordHashFamily::create_or_throw("PBKDF2(" + std::string(hash.name) + ")")
          ->from_params(iterations);
  secure_bytes out(size);
  pbkdf2->derive_key(out.data(), out.size(), reinterpret_cast<const char*>(password.data()),
                     password.size(), salt.data(), salt.size());
  return out;
}

}  // namespace detail

}  // namespace rathole::tls
