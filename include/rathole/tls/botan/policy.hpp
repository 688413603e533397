#pragma once

#include <botan/block_cipher.h>
#include <botan/tls_policy.h>
#include <botan/version.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace rathole::tls {

/// Returns whether the processor has AES instructions that Botan uses.
inline bool has_fast_aes() {
  static const bool fast = [] {
    const auto cipher = Botan::BlockCipher::create("AES-128");
    return cipher && cipher->provider() != "base" && cipher->provider() != "vperm";
  }();
  return fast;
}

/// The TLS policy for Botan: versions 1.2 with ECDHE and, with Botan 3, 1.3 with the groups of
/// its default policy; AEAD suites, AES first if the processor has instructions for it; signatures
/// and keys with a strength of at least 110 bits (RSA from 2048 bits). There is no renegotiation and
/// no OCSP, and tickets are valid for two hours.
class botan_policy final : public Botan::TLS::Policy {
 public:
  /// Returns the ciphers in order of preference: those with AES first if they are fast.
  std::vector<std::string> allowed_ciphers() const override {
    if (has_fast_aes()) return {"AES-128/GCM", "AES-256/GCM", "ChaCha20Poly1305"};
    return {"ChaCha20Poly1305", "AES-128/GCM", "AES-256/GCM"};
  }
  /// Allows only ciphers that authenticate what they encrypt.
  std::vector<std::string> allowed_macs() const override { return {"AEAD"}; }
  /// Allows only key exchanges with forward secrecy.
  std::vector<std::string> allowed_key_exchange_methods() const override { return {"ECDH"}; }
  /// Allows certificates with ECDSA and RSA keys.
  std::vector<std::string> allowed_signature_methods() const override { return {"ECDSA", "RSA"}; }
  /// Allows TLS 1.2.
  bool allow_tls12() const override { return true; }
  /// Refuses DTLS 1.2.
  bool allow_dtls12() const override { return false; }
#if BOTAN_VERSION_MAJOR >= 3
  /// Allows TLS 1.3.
  bool allow_tls13() const override { return true; }
  /// Returns how long a session ticket is valid: two hours.
  std::chrono::seconds session_ticket_lifetime() const override { return ticket_lifetime; }
#else
  /// Refuses TLS 1.0.
  bool allow_tls10() const override { return false; }
  /// Refuses TLS 1.1.
  bool allow_tls11() const override { return false; }
  /// Refuses DTLS 1.0.
  bool allow_dtls10() const override { return false; }
  /// Returns how long a session ticket is valid, in seconds: two hours.
  std::uint32_t session_ticket_lifetime() const override { return ticket_lifetime.count(); }
  /// Returns the groups for key exchange in order of preference.
  std::vector<Botan::TLS::Group_Params> key_exchange_groups() const override {
    using Botan::TLS::Group_Params;
    return {Group_Params::X25519, Group_Params::SECP256R1, Group_Params::SECP384R1,
            Group_Params::SECP521R1};
  }
#endif
  /// Keeps the time of day out of the random value of a Hello.
  bool include_time_in_hello_random() const override { return false; }
  /// Refuses renegotiation that the client asks for.
  bool allow_client_initiated_renegotiation() const override { return false; }
  /// Refuses renegotiation that the server asks for.
  bool allow_server_initiated_renegotiation() const override { return false; }
  /// Ends the connection when the peer asks for renegotiation.
  bool abort_connection_on_undesired_renegotiation() const override { return true; }
  /// Leaves out OCSP stapling.
  bool support_cert_status_message() const override { return false; }
  /// Accepts certificates without revocation information.
  bool require_cert_revocation_info() const override { return false; }

 private:
  static constexpr std::chrono::duration<std::uint32_t> ticket_lifetime = std::chrono::hours(2);
};

}  // namespace rathole::tls
