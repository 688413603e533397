#pragma once

#include <cstdint>
#include <string>
#include <system_error>

namespace rathole::tls {

/// An alert with which a peer may end a connection (RFC 8446 section 6; RFC 5246 section 7.2). The
/// values and names are those of the RFCs.
enum class alert : std::uint8_t {
  /// The sender has ended its direction.
  close_notify = 0,
  /// A message arrived at the wrong time.
  unexpected_message = 10,
  /// A record could not be decrypted.
  bad_record_mac = 20,
  /// A record could not be decrypted (only before TLS 1.1).
  decryption_failed = 21,
  /// A record was too long.
  record_overflow = 22,
  /// The peers have no acceptable set of parameters in common.
  handshake_failure = 40,
  /// A certificate was corrupt, or its signature was wrong.
  bad_certificate = 42,
  /// A certificate was of an unsupported type.
  unsupported_certificate = 43,
  /// A certificate was revoked by its signer.
  certificate_revoked = 44,
  /// A certificate has expired or is not yet valid.
  certificate_expired = 45,
  /// A certificate was not accepted for another reason.
  certificate_unknown = 46,
  /// A field of the handshake was incorrect or inconsistent with others.
  illegal_parameter = 47,
  /// A certificate's issuer is not among the trusted ones.
  unknown_ca = 48,
  /// A certificate was valid, but the sender decided not to continue.
  access_denied = 49,
  /// A message could not be decoded.
  decode_error = 50,
  /// A cryptographic step of the handshake failed, such as a signature.
  decrypt_error = 51,
  /// The version of the protocol is recognised, but not supported.
  protocol_version = 70,
  /// The parameters were weaker than the server demands.
  insufficient_security = 71,
  /// The sender failed for a reason that has nothing to do with its peer.
  internal_error = 80,
  /// A client retried with a lower version than the server supports (RFC 7507).
  inappropriate_fallback = 86,
  /// The user cancelled the handshake.
  user_canceled = 90,
  /// The sender refuses to renegotiate (only before TLS 1.3).
  no_renegotiation = 100,
  /// A mandatory extension was missing.
  missing_extension = 109,
  /// An extension was not allowed in that message.
  unsupported_extension = 110,
  /// The server has no certificate for the name that the client sent (RFC 6066).
  unrecognized_name = 112,
  /// An OCSP response was invalid (RFC 6066).
  bad_certificate_status_response = 113,
  /// The server knows no such pre-shared key.
  unknown_psk_identity = 115,
  /// The server demands a certificate of the client.
  certificate_required = 116,
  /// The peers have no application protocol in common (RFC 7301).
  no_application_protocol = 120,
};

/// Returns the name of `value` in the RFCs, or "alert" if it has none.
inline const char* name_of(alert value) {
  switch (value) {
    case alert::close_notify: return "close_notify";
    case alert::unexpected_message: return "unexpected_message";
    case alert::bad_record_mac: return "bad_record_mac";
    case alert::decryption_failed: return "decryption_failed";
    case alert::record_overflow: return "record_overflow";
    case alert::handshake_failure: return "handshake_failure";
    case alert::bad_certificate: return "bad_certificate";
    case alert::unsupported_certificate: return "unsupported_certificate";
    case alert::certificate_revoked: return "certificate_revoked";
    case alert::certificate_expired: return "certificate_expired";
    case alert::certificate_unknown: return "certificate_unknown";
    case alert::illegal_parameter: return "illegal_parameter";
    case alert::unknown_ca: return "unknown_ca";
    case alert::access_denied: return "access_denied";
    case alert::decode_error: return "decode_error";
    case alert::decrypt_error: return "decrypt_error";
    case alert::protocol_version: return "protocol_version";
    case alert::insufficient_security: return "insufficient_security";
    case alert::internal_error: return "internal_error";
    case alert::inappropriate_fallback: return "inappropriate_fallback";
    case alert::user_canceled: return "user_canceled";
    case alert::no_renegotiation: return "no_renegotiation";
    case alert::missing_extension: return "missing_extension";
    case alert::unsupported_extension: return "unsupported_extension";
    case alert::unrecognized_name: return "unrecognized_name";
    case alert::bad_certificate_status_response: return "bad_certificate_status_response";
    case alert::unknown_psk_identity: return "unknown_psk_identity";
    case alert::certificate_required: return "certificate_required";
    case alert::no_application_protocol: return "no_application_protocol";
  }
  return "alert";
}

/// Returns what an alert that the peer sent says about this side, whether client or server; empty
/// if its name says all.
inline const char* meaning_of(alert value) {
  switch (value) {
    case alert::handshake_failure:
    case alert::insufficient_security:
      return "no TLS version, cipher suite or kind of key in common";
    case alert::protocol_version: return "no TLS version in common";
    case alert::bad_certificate: return "it does not accept our certificate, or not for this name";
    case alert::unsupported_certificate: return "it does not support our kind of certificate";
    case alert::certificate_revoked: return "our certificate is revoked";
    case alert::certificate_expired: return "our certificate has expired, or is not valid yet";
    case alert::certificate_unknown: return "it does not accept our certificate";
    case alert::unknown_ca: return "it does not trust our certificate's issuer";
    case alert::certificate_required: return "it wants a certificate of ours";
    case alert::unrecognized_name: return "it does not serve the name that we asked for";
    default: return "";
  }
}

/// Returns the category of the alerts that a peer sent; its name is "tls alert".
inline const std::error_category& alert_category() noexcept {
  struct category final : std::error_category {
    const char* name() const noexcept override { return "tls alert"; }
    std::string message(int value) const override {
      const std::string meaning = meaning_of(static_cast<alert>(value));
      return std::string("the peer ended TLS: ") + name_of(static_cast<alert>(value)) + " (" +
             std::to_string(value) + ")" + (meaning.empty() ? "" : ": " + meaning);
    }
  };
  static const category instance;
  return instance;
}

/// Returns `value` as a `std::error_code`: the error of a connection that the peer ended with this
/// alert. Found by argument-dependent lookup, it makes `alert` convertible.
inline std::error_code make_error_code(alert value) noexcept {
  return {static_cast<int>(value), alert_category()};
}

}  // namespace rathole::tls

/// Marks `alert` as an error code enumeration, so that it converts to `std::error_code`.
template <>
struct std::is_error_code_enum<rathole::tls::alert> : std::true_type {};
