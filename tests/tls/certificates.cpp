#include "certificates.hpp"

#include <rathole/tls/botan/setup.hpp>

#include <botan/auto_rng.h>
#include <botan/ec_group.h>
#include <botan/ecdsa.h>
#include <botan/pem.h>
#include <botan/pkcs10.h>
#include <botan/rsa.h>
#include <botan/x509_ca.h>
#include <botan/x509self.h>

#include <chrono>
#include <memory>

namespace rathole::test {
namespace {

using Botan::X509_Time;

Botan::RandomNumberGenerator& rng() {
  static Botan::AutoSeeded_RNG made;
  return made;
}

std::unique_ptr<Botan::Private_Key> make_key(bool with_rsa) {
  if (with_rsa) return std::make_unique<Botan::RSA_PrivateKey>(rng(), 2048);
#if BOTAN_VERSION_MAJOR >= 3
  const auto group = Botan::EC_Group::from_name("secp256r1");
#else
  const Botan::EC_Group group("secp256r1");
#endif
  return std::make_unique<Botan::ECDSA_PrivateKey>(rng(), group);
}

Botan::X509_Cert_Options options_of(const certificate_spec& spec) {
  Botan::X509_Cert_Options out;
  out.common_name = spec.common_name;
  out.more_dns = spec.dns;
  out.ip = spec.ip;
  const auto day = [](int days) {
    return X509_Time(std::chrono::system_clock::now() + std::chrono::hours(24 * days));
  };
  out.start = day(spec.from_day);
  out.end = day(spec.until_day);
  if (spec.is_authority) out.CA_key(static_cast<std::size_t>(spec.path_limit));
  return out;
}

tls::identity to_identity(const Botan::X509_Certificate& leaf, const Botan::Private_Key& key) {
  const auto der = Botan::PKCS8::BER_encode(key);
  tls::identity out;
  out.private_key = secret(std::string(der.begin(), der.end()));
  out.certificates.push_back(leaf.BER_encode());
  return out;
}

}  // namespace

tls::identity self_signed(const certificate_spec& spec) {
  const auto key = make_key(spec.with_rsa);
  return to_identity(Botan::X509::create_self_signed_cert(options_of(spec), *key, "SHA-256", rng()),
                     *key);
}

tls::identity issued_by(const tls::identity& issuer, const certificate_spec& spec) {
  const auto key = make_key(spec.with_rsa);
  const auto options = options_of(spec);
  const auto request = Botan::X509::create_cert_req(options, *key, "SHA-256", rng());
  Botan::DataSource_Memory der(issuer.private_key.bytes().data(),
                               issuer.private_key.bytes().size());
  const std::shared_ptr<Botan::Private_Key> issuer_key = Botan::PKCS8::load_key(der);
  const Botan::X509_Certificate by(issuer.certificates.front());
  const Botan::X509_CA authority(by, *issuer_key, "SHA-256", rng());
  auto out = to_identity(authority.sign_request(request, rng(), options.start, options.end), *key);
  if (!by.is_self_signed()) {
    out.certificates.insert(out.certificates.end(), issuer.certificates.begin(),
                            issuer.certificates.end());
  }
  return out;
}

tls::trust trust_in(const tls::identity& root) {
  return {.roots = {root.certificates.front()}, .system_roots = false};
}

std::string to_pem(const std::vector<std::vector<std::uint8_t>>& certificates) {
  std::string out;
  for (const auto& der : certificates) out += Botan::PEM_Code::encode(der, "CERTIFICATE");
  return out;
}

std::string to_pem(const secret& private_key) {
  return Botan::PEM_Code::encode(private_key.bytes().data(), private_key.bytes().size(),
                                 "PRIVATE KEY");
}

}  // namespace rathole::test
