#pragma once

#include <rathole/tls/asn1_tags.hpp>
#include <rathole/tls/identity.hpp>
#include <rathole/tls/matching_key.hpp>
#include <rathole/tls/pem_certificates.hpp>

#include <botan/ber_dec.h>
#include <botan/der_enc.h>
#include <botan/pem.h>

#include <cstdint>
#include <exception>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::tls {

namespace detail {

/// Bytes that are wiped when they are freed.
using secure_bytes = Botan::secure_vector<std::uint8_t>;

/// Returns a PKCS#8 structure (RFC 5208) that contains `key`, a private key of the given algorithm.
inline secure_bytes to_pkcs8(const Botan::AlgorithmIdentifier& algorithm, const secure_bytes& key) {
  secure_bytes out;
  Botan::DER_Encoder(out)
      .start_cons(sequence_tag, universal_class)
      .encode(std::size_t{0})
      .encode(algorithm)
      .encode(key, octet_string_tag)
      .end_cons();
  return out;
}

/// Returns the curve parameters in a SEC 1 key (RFC 5915). Throws an exception of Botan if there
/// are none.
inline std::vector<std::uint8_t> curve_of(const secure_bytes& sec1) {
  Botan::BER_Decoder outer(sec1.data(), sec1.size());
  Botan::BER_Decoder key = enter_sequence(outer);
  std::size_t version = 0;
  secure_bytes number;
  key.decode(version).decode(number, octet_string_tag);
  const Botan::BER_Object parameters = key.get_next_object();
  constexpr std::uint32_t constructed_context_0 = 0xa0;
  if (tag_of(parameters) != constructed_context_0) {
    throw Botan::Decoding_Error("no curve");
  }
  return {parameters.bits(), parameters.bits() + parameters.length()};
}

}  // namespace detail

/// Reads an identity from PEM (RFC 7468). `certificates` has the certificate of the key first, then
/// its issuers. `key` is an unencrypted private key in PKCS#8, PKCS#1 (RSA) or SEC 1 (elliptic
/// curves), and must belong to the first certificate. Fails with a text for users.
inline std::expected<identity, std::string> read_pem_identity(std::string_view certificates,
                                                              std::string_view key) {
  auto chain = read_pem_certificates(certificates);
  if (!chain) return std::unexpected(std::move(chain.error()));

  // An elliptic curve key may follow a block with the curve parameters.
  const auto begin = key.find("PRIVATE KEY-----");
  const auto label_at = key.rfind("-----BEGIN ", begin);
  if (begin == std::string_view::npos || label_at == std::string_view::npos) {
    return std::unexpected("the key is not in PEM: there is no line `-----BEGIN PRIVATE KEY-----`");
  }
  key.remove_prefix(label_at);
  if (key.substr(0, key.find("-----END ")).contains("ENCRYPTED")) {
    return std::unexpected("the key is encrypted: store it without a password");
  }
  detail::secure_bytes der;
  try {
    std::string label;
    Botan::DataSource_Memory source(reinterpret_cast<const std::uint8_t*>(key.data()), key.size());
    der = Botan::PEM_Code::decode(source, label);
    if (label == "RSA PRIVATE KEY") {
      der = detail::to_pkcs8(Botan::AlgorithmIdentifier(Botan::OID("1.2.840.113549.1.1.1"),
                                                        std::vector<std::uint8_t>{5, 0}),
                             der);
    } else if (label == "EC PRIVATE KEY") {
      der = detail::to_pkcs8(
          Botan::AlgorithmIdentifier(Botan::OID("1.2.840.10045.2.1"), detail::curve_of(der)), der);
    } else if (label != "PRIVATE KEY") {
      return std::unexpected("the key is of a kind that is not known here");
    }
  } catch (const std::exception&) {
    return std::unexpected("the key is malformed");
  }
  if (!is_usable_key(der)) return std::unexpected("the key is malformed");
  if (!is_certificate_of(byte_view(der), chain->front())) {
    return std::unexpected("the key is not the one of the first certificate");
  }
  identity out;
  out.private_key = secret(std::string(der.begin(), der.end()));
  out.certificates = std::move(*chain);
  return out;
}

}  // namespace rathole::tls
