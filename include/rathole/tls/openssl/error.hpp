#pragma once

#include <rathole/core/error.hpp>
#include <rathole/tls/alert.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <string>
#include <system_error>

namespace rathole::tls {

/// Returns the error for a code of X509_STORE_CTX_get_error(3), which says why a certificate was
/// rejected.
inline errc openssl_verify_error(long code) {
  switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return errc::certificate_expired;
    case X509_V_ERR_CERT_NOT_YET_VALID: return errc::certificate_not_yet_valid;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return errc::certificate_wrong_name;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return errc::certificate_self_signed;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: return errc::certificate_untrusted;
    case X509_V_ERR_INVALID_PURPOSE: return errc::certificate_wrong_usage;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK: return errc::certificate_too_weak;
    default: return errc::certificate_invalid;
  }
}

/// Returns the most recent error in the thread's error queue that names a cause, and empties the
/// queue.
inline unsigned long openssl_cause() {
  unsigned long cause = 0;
  while (const auto code = ERR_get_error()) {
#ifdef SSL_R_RECORD_LAYER_FAILURE
    // OpenSSL 3.2 and later append an error that only says where the failure happened.
    const bool says_where = ERR_GET_REASON(code) == SSL_R_RECORD_LAYER_FAILURE;
    if (says_where && ERR_GET_LIB(code) == ERR_LIB_SSL && cause != 0) continue;
#endif
    cause = code;
  }
  return cause;
}

/// Returns why a call on `connection` failed, according to the thread's error queue, and empties
/// the queue.
inline std::error_code openssl_error(const SSL* connection) {
  const auto code = openssl_cause();
  const int reason = ERR_GET_REASON(code);
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return errc::tls_handshake_failed;
  if (reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255) {
    return static_cast<alert>(reason - SSL_AD_REASON_OFFSET);
  }
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return openssl_verify_error(SSL_get_verify_result(connection));
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
    case SSL_R_DIGEST_CHECK_FAILED: return errc::decryption_failed;
    case SSL_R_UNEXPECTED_MESSAGE:
    case SSL_R_UNEXPECTED_RECORD:
    case SSL_R_APP_DATA_IN_HANDSHAKE: return errc::unexpected_message;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM: return errc::tls_nothing_in_common;
    case SSL_R_DATA_LENGTH_TOO_LONG:
    case SSL_R_ENCRYPTED_LENGTH_TOO_LONG:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_EXCESSIVE_MESSAGE_SIZE: return errc::message_too_long;
    default: return errc::tls_handshake_failed;
  }
}

/// Returns a text for the most recent error in the thread's error queue, and empties the queue.
inline std::string openssl_reason() {
  const auto code = openssl_cause();
  const char* const text = ERR_reason_error_string(code);
  return text ? text : "unknown error";
}

}  // namespace rathole::tls
