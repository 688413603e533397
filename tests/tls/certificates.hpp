#pragma once

#include <rathole/tls/identity.hpp>
#include <rathole/tls/trust.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Certificates for tests, with keys on P-256, generated in each process.
namespace rathole::test {

/// Describes the certificate to make.
struct certificate_spec {
  std::string common_name = "server.test";
  /// Further names of the subjectAltName.
  std::vector<std::string> dns = {"server.test"};
  /// An IPv4 address in the subjectAltName.
  std::string ip = "";
  bool is_authority = false;
  /// The path length constraint of an authority.
  int path_limit = 3;
  /// The begin and end of its validity, in days from now.
  int from_day = -1;
  int until_day = 1;
  bool with_rsa = false;
};

/// Makes a self-signed certificate.
tls::identity self_signed(const certificate_spec& spec);

/// Makes a certificate by `issuer`, followed by the chain of `issuer` without the self-signed root.
tls::identity issued_by(const tls::identity& issuer, const certificate_spec& spec);

/// Returns roots that trust this certificate only.
tls::trust trust_in(const tls::identity& root);

/// Returns the description of a valid authority.
inline tls::identity make_authority(std::string name) {
  return self_signed({.common_name = std::move(name), .dns = {}, .is_authority = true});
}

/// Returns a certificate or key in the textual encoding (RFC 7468).
std::string to_pem(const std::vector<std::vector<std::uint8_t>>& certificates);
std::string to_pem(const secret& private_key);

}  // namespace rathole::test
