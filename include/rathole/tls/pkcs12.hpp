#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/tls/identity.hpp>
#include <rathole/tls/matching_key.hpp>
#include <rathole/tls/pkcs12/algorithm.hpp>
#include <rathole/tls/pkcs12/password.hpp>
#include <rathole/tls/pkcs12/reader.hpp>

// Botan 2.19 compiles as C++23 only if the first of these headers comes before the others.
#include <botan/pkix_types.h>

#include <botan/exceptn.h>
#include <botan/x509cert.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <expected>
#include <iterator>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::tls {

namespace detail {

/// Moves the issuer of the last certificate of `out` from `certificates` to the end of `out`, and
/// repeats this for that issuer. Throws an exception of Botan if a certificate cannot be parsed.
inline void append_issuers(std::vector<std::vector<std::uint8_t>>& out,
                           std::vector<std::vector<std::uint8_t>>& certificates) {
  for (;;) {
    const Botan::X509_Certificate last(out.back().data(), out.back().size());
    if (last.subject_dn() == last.issuer_dn()) return;
    const auto issuer = std::ranges::find_if(certificates, [&last](const auto& each) {
      return Botan::X509_Certificate(each.data(), each.size()).subject_dn() == last.issuer_dn();
    });
    if (issuer == certificates.end()) return;
    out.push_back(std::move(*issuer));
    certificates.erase(issuer);
  }
}

/// Returns the certificates in the order that TLS requires: that of the key, at the index `leaf`,
/// then the issuer of each. If Botan cannot parse a certificate, the remaining ones keep the order
/// of the file.
inline std::vector<std::vector<std::uint8_t>> in_order(
    std::vector<std::vector<std::uint8_t>> certificates, std::size_t leaf) {
  std::vector<std::vector<std::uint8_t>> out;
  std::swap(certificates[0], certificates[leaf]);
  out.push_back(std::move(certificates[0]));
  certificates.erase(certificates.begin());
  try {
    append_issuers(out, certificates);
  } catch (const Botan::Exception&) {
    std::ranges::move(certificates, std::back_inserter(out));
  }
  return out;
}

/// Returns the only key of the file that has a certificate, with its chain. Fails with a text for
/// users.
inline std::expected<identity, std::string> to_identity(pkcs12_reader& from) {
  if (from.keys.empty()) return std::unexpected("there is no private key in the file");
  if (from.certificates.empty()) return std::unexpected("there is no certificate in the file");
  const secure_bytes* only = nullptr;
  std::size_t leaf = 0;
  for (const secure_bytes& key : from.keys) {
    const auto fitting = std::ranges::find_if(from.certificates, [&key](const auto& each) {
      return is_certificate_of(byte_view(key), each);
    });
    if (fitting == from.certificates.end()) continue;
    if (only) {
      return std::unexpected("there are several private keys with certificates in the file");
    }
    only = &key;
    leaf = static_cast<std::size_t>(fitting - from.certificates.begin());
  }
  if (!only) {
    std::string why = "no certificate in the file is of a private key in it";
    if (!from.authentic) why += ", or the file has no MAC and the password is wrong";
    return std::unexpected(std::move(why));
  }
  identity out;
  out.private_key = secret(std::string(only->begin(), only->end()));
  out.certificates = in_order(std::move(from.certificates), leaf);
  return out;
}

}  // namespace detail

/// Reads a PKCS#12 file (RFC 7292): its private key, the certificate of that key, and the
/// certificates of its issuers. The MAC is verified first if there is one, also in the form of RFC
/// 9579. Encrypted parts may use PBES2 with AES or 3DES, or the older schemes with 3DES or RC2.
/// Fails with a text for users.
inline std::expected<identity, std::string> read_pkcs12(byte_view file, std::string_view password,
                                                        const pkcs12_limits& limits = {}) {
  std::string refused;
  for (auto& spelling : spellings_of(password)) {
    detail::pkcs12_reader reader(std::move(spelling), limits);
    try {
      reader.read(file);
      return detail::to_identity(reader);
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const detail::pkcs12_error& error) {
      refused = error.what();
    } catch (const std::exception&) {
      refused = reader.authentic ? "the file is malformed"
                                 : "the file is malformed, or has no MAC and the password is wrong";
    }
  }
  return std::unexpected(std::move(refused));
}

}  // namespace rathole::tls
