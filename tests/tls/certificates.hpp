#pragma once

#include <rathole/tls/identity.hpp>
#include <rathole/tls/trust.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Certificates for tests, with keys on P-256, made afresh in each process.
namespace rathole::test {

/// What a certificate is to say.
struct certificate_wish {
  std::string common_name = "server.test";
  /// Of the subjectAltName, besides the first.
  std::vector<std::string> dns = {"server.test"};
  /// An IPv4 address of the subjectAltName.
  std::string ip = "";
  bool is_authority = false;
  /// Of an authority: how many issuers may follow.
  int path_limit = 3;
  /// The days from now between which it is valid.
  int from_day = -1;
  int until_day = 1;
  bool with_rsa = false;
};

/// A certificate that signed itself.
tls::identity self_signed(const certificate_wish& wish);

/// A certificate by `issuer`, whose own chain follows but for the self-signed root.
tls::identity issued_by(const tls::identity& issuer, const certificate_wish& wish);

/// Only this one is trusted.
tls::trust trust_in(const tls::identity& root);

/// An authority that is valid.
inline tls::identity make_authority(std::string name) {
  return self_signed({.common_name = std::move(name), .dns = {}, .is_authority = true});
}

/// As files have it (RFC 7468).
std::string to_pem(const std::vector<std::vector<std::uint8_t>>& certificates);
std::string to_pem(const secret& private_key);

}  // namespace rathole::test
