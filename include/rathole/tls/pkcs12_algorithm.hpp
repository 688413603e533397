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

/// What a PKCS#12 file may ask of its reader.
struct pkcs12_limits {
  /// Iterations of all its key derivations together, each as often as its key has blocks of the
  /// hash function; that is a few seconds.
  std::size_t iterations = 3'000'000;
};

namespace detail {

using secure_octets = Botan::secure_vector<std::uint8_t>;

/// Why a file cannot be read, in words.
struct pkcs12_error : std::runtime_error {
  using runtime_error::runtime_error;
};

/// An algorithm and its parameters (AlgorithmIdentifier, RFC 5280 section 4.1.1.2).
struct pkcs12_algorithm {
  std::string oid;
  std::vector<std::uint8_t> parameters;

  static pkcs12_algorithm read(Botan::BER_Decoder& in) {
    pkcs12_algorithm out;
    Botan::BER_Decoder inside = enter_sequence(in);
    Botan::OID oid;
    inside.decode(oid).raw_bytes(out.parameters);
    out.oid = oid.to_string();
    return out;
  }
};

/// A number of iterations, which is not 0.
inline std::size_t read_iterations(Botan::BER_Decoder& in) {
  std::size_t out = 0;
  in.decode(out);
  if (out == 0) throw pkcs12_error("the file demands 0 iterations");
  return out;
}

/// Takes the derivation of `size` octets, with blocks of `block` octets, off what the file may still
/// ask for.
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

/// An algorithm that is known here, by Botan's name.
struct named_algorithm {
  std::string_view oid;
  const char* name;
  std::size_t key_size;
};

/// Throws `pkcs12_error` if `oid`, which is of a `kind`, is not in `known`.
template <std::size_t N>
const named_algorithm& find_algorithm(const std::array<named_algorithm, N>& known,
                                      const std::string& oid, const char* kind) {
  for (const named_algorithm& each : known) {
    if (each.oid == oid) return each;
  }
  throw pkcs12_error(std::string("the file uses a ") + kind + " that is not known here (" + oid +
                     ")");
}

/// HMACs as RFC 8018 appendix B.1 names them.
inline constexpr std::array<named_algorithm, 5> hmac_functions{{
    {"1.2.840.113549.2.7", "SHA-1", 20},
    {"1.2.840.113549.2.8", "SHA-224", 28},
    {"1.2.840.113549.2.9", "SHA-256", 32},
    {"1.2.840.113549.2.10", "SHA-384", 48},
    {"1.2.840.113549.2.11", "SHA-512", 64},
}};

/// Derives a key as `how`, which must be PBKDF2, says (RFC 8018 section 5.2): of `size` octets, or
/// if that is 0, of as many as `how` says, which must be at least 20 (RFC 9579 section 7).
inline secure_octets derive_pbkdf2(const pkcs12_algorithm& how, byte_view password,
                                   std::size_t size, pkcs12_limits& left) {
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
  secure_octets out(size);
  pbkdf2->derive_key(out.data(), out.size(), reinterpret_cast<const char*>(password.data()),
                     password.size(), salt.data(), salt.size());
  return out;
}

}  // namespace detail

}  // namespace rathole::tls
