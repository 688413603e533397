#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/tls/asn1_tags.hpp>

#include <botan/asn1_obj.h>
#include <botan/ber_dec.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::tls {

/// The object identifiers of the algorithms that a server's key may have.
namespace key_oid {
/// The object identifier of RSA keys (RFC 8017).
inline constexpr std::string_view rsa = "1.2.840.113549.1.1.1";
/// The object identifier of keys for RSA-PSS only (RFC 8017).
inline constexpr std::string_view rsa_pss = "1.2.840.113549.1.1.10";
/// The object identifier of elliptic curve keys (RFC 5480).
inline constexpr std::string_view ec = "1.2.840.10045.2.1";
/// The object identifier of Ed25519 keys (RFC 8410).
inline constexpr std::string_view ed25519 = "1.3.101.112";
/// The object identifier of Ed448 keys (RFC 8410).
inline constexpr std::string_view ed448 = "1.3.101.113";
}  // namespace key_oid

/// Returns the common name of the key algorithm `oid`.
inline std::string key_algorithm_name(std::string_view oid) {
  if (oid == key_oid::rsa) return "RSA";
  if (oid == key_oid::rsa_pss) return "RSA-PSS";
  if (oid == key_oid::ec) return "ECDSA";
  if (oid == key_oid::ed25519) return "Ed25519";
  if (oid == key_oid::ed448) return "Ed448";
  return "the algorithm " + std::string(oid);
}

/// Returns the object identifier of the algorithm of an unencrypted PKCS#8 key (RFC 5208); empty if
/// it is malformed.
inline std::string key_algorithm_of(byte_view pkcs8) {
  try {
    Botan::BER_Decoder outer(pkcs8.data(), pkcs8.size());
    Botan::BER_Decoder key = detail::enter_sequence(outer);
    std::size_t version = 0;
    Botan::OID oid;
    key.decode(version);
    detail::enter_sequence(key).decode(oid);
    return oid.to_string();
  } catch (const std::exception&) {
    return {};
  }
}

/// The public key of a certificate.
struct certified_key {
  /// The object identifier of its algorithm.
  std::string algorithm;
  /// The content of its BIT STRING.
  std::vector<std::uint8_t> bits;
};

/// Returns the public key of a certificate in DER (RFC 5280 section 4.1); empty if the certificate
/// is malformed. Botan cannot parse a certificate that is signed by RSA-PSS with parameters that it
/// does not expect; this function can.
inline certified_key certified_key_of(const std::vector<std::uint8_t>& certificate) {
  try {
    Botan::BER_Decoder outer(certificate.data(), certificate.size());
    Botan::BER_Decoder whole = detail::enter_sequence(outer);
    Botan::BER_Decoder body = detail::enter_sequence(whole);
    constexpr std::uint32_t explicit_version = 0xa0;
    const bool has_version = detail::tag_of(body.get_next_object()) == explicit_version;
    // Skips the serial number unless it was read as the version, then signature, issuer, validity
    // and subject.
    for (int i = has_version ? 0 : 1; i < 5; ++i) body.get_next_object();
    Botan::BER_Decoder info = detail::enter_sequence(body);
    Botan::OID oid;
    detail::enter_sequence(info).decode(oid);
    const Botan::BER_Object key = info.get_next_object();
    if (key.length() == 0) return {};
    // The first byte of a BIT STRING counts its unused bits.
    return {oid.to_string(), {key.bits() + 1, key.bits() + key.length()}};
  } catch (const std::exception&) {
    return {};
  }
}

}  // namespace rathole::tls
