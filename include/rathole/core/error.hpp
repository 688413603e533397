#pragma once

#include <rathole/core/require_cxx23.hpp>

#include <string>
#include <system_error>

namespace rathole {

/// The errors that only this library knows. Errors of the operating system and of Asio pass through
/// unchanged.
enum class errc {
  /// The caller ended the operation: it was cancelled, or its object was stopped.
  stopped = 1,
  /// The peer closed the connection where more data was expected.
  end_of_stream,
  /// A local deadline has passed.
  timed_out,
  /// The peer speaks another version of the protocol.
  protocol_version_mismatch,
  /// A message has a variant or a length that wire version 1 does not define.
  malformed_message,
  /// A data Hello arrived where a control Hello was expected, or the reverse.
  unexpected_hello,
  /// The server does not know the service (Ack 1).
  service_not_exist,
  /// The token is wrong (Ack 2).
  authentication_failed,
  /// No command arrived within the heartbeat timeout.
  heartbeat_timed_out,
  /// A kind of traffic was requested, by the server or by the program, that the service is not
  /// configured for.
  unexpected_traffic,
  /// A data channel named a session that no control channel owns.
  unknown_session,
  /// A limit is reached, and the new request or connection is refused.
  limit_reached,
  /// A text is not an address of the form `host:port`.
  invalid_address,
  /// A name has no address.
  host_not_found,
  /// A string is not valid in its encoding (base64, hexadecimal).
  invalid_encoding,
  /// The configuration asks for something that this build does not contain.
  not_built_in,
  /// The stream below ended in the middle of a message, or without the end that the protocol
  /// requires.
  truncated,
  /// A message or record could not be authenticated: it was modified, or the keys differ.
  decryption_failed,
  /// A message arrived that is not the expected one, or is not allowed at this point.
  unexpected_message,
  /// A message is longer than the accepted maximum.
  message_too_long,
  /// More messages were sent under one key than it can protect.
  nonce_exhausted,
  /// The peer's public key is of low order, so that the shared secret would be predictable.
  weak_public_key,
  /// The peer's static key is not the configured one.
  wrong_public_key,
  /// A protocol name or parameter is not supported.
  unsupported,
  /// A key, certificate or file of the configuration is missing or malformed.
  invalid_key_material,
  /// The password does not open the file.
  wrong_password,
  /// The certificate is for another name.
  certificate_wrong_name,
  /// The certificate, or one in its chain, has expired.
  certificate_expired,
  /// The certificate, or one in its chain, is not valid yet.
  certificate_not_yet_valid,
  /// The certificate is self-signed and not trusted.
  certificate_self_signed,
  /// The certificate chain does not lead to a trusted certificate.
  certificate_untrusted,
  /// The certificate or its chain is invalid for another reason.
  certificate_invalid,
  /// The certificate's key usage or extended key usage does not allow a TLS server.
  certificate_wrong_usage,
  /// A key or a signature of the certificate or its chain is weaker than 110 bits.
  certificate_too_weak,
  /// The certificate has a form or an algorithm that the TLS engine does not accept.
  certificate_unsupported,
  /// The peers share no TLS version, cipher suite or key type.
  tls_nothing_in_common,
  /// The first bytes from the peer are not TLS.
  not_tls,
  /// One of the peers violated the TLS protocol.
  tls_handshake_failed,
  /// An HTTP message head is malformed or not supported.
  malformed_http,
  /// The response to a WebSocket upgrade is not what RFC 6455 requires.
  upgrade_refused,
  /// The proxy's response does not follow its protocol.
  malformed_proxy_answer,
  /// The proxy requires authentication that is not configured, or rejected it.
  proxy_authentication_failed,
  /// The peer closed or reset the connection during the handshake of the transport.
  closed_in_handshake,
  /// Every service of the client has failed `max_retries` times in a row after its first attempt.
  retries_exhausted,
  /// The settings ask for another transport than the one that was given to the client or server.
  wrong_transport,
  /// The settings are contradictory or incomplete; `config::settings_problems` says how.
  invalid_settings,
  /// No client serves the service at present.
  no_client,
  /// The program's filter refused the visitor.
  visitor_rejected,
  /// The server refuses new visitors, because it is being drained.
  draining,
  /// Whoever operates the program has reset the connection.
  reset_by_operator,
  /// A trusted proxy sent something else than a header of the PROXY protocol.
  malformed_proxy_header,
  /// The settings refuse connections from this address.
  address_denied,
  /// The service has as many connections as it may have.
  too_many_connections,
  /// The service has as many connections from this address as it may have.
  too_many_of_address,
  /// New connections from this address come faster than they may.
  too_many_new_connections,
  /// The service has as many clients as it takes (Ack 3). Not in upstream.
  service_in_use,
};

/// Returns the category of `errc`, whose name is "rathole".
inline const std::error_category& error_category() noexcept {
  struct category final : std::error_category {
    const char* name() const noexcept override { return "rathole"; }
    std::string message(int value) const override {
      switch (static_cast<errc>(value)) {
        case errc::stopped: return "stopped";
        case errc::end_of_stream: return "connection closed by the peer";
        case errc::timed_out: return "timed out";
        case errc::protocol_version_mismatch: return "protocol version mismatched";
        case errc::malformed_message: return "malformed message";
        case errc::unexpected_hello: return "unexpected type of hello";
        case errc::service_not_exist: return "Service not exist";
        case errc::authentication_failed: return "Incorrect token";
        case errc::heartbeat_timed_out: return "Heartbeat timed out";
        case errc::unexpected_traffic: return "unexpected kind of traffic";
        case errc::unknown_session: return "data channel has incorrect nonce";
        case errc::limit_reached: return "limit reached";
        case errc::invalid_address: return "not an address of the form host:port";
        case errc::host_not_found: return "host not found";
        case errc::invalid_encoding: return "invalid encoding";
        case errc::not_built_in: return "not built into this program";
        case errc::truncated: return "connection cut in the middle of a message";
        case errc::decryption_failed: return "a message could not be authenticated";
        case errc::unexpected_message: return "unexpected message";
        case errc::message_too_long: return "message too long";
        case errc::nonce_exhausted: return "too many messages under one key";
        case errc::weak_public_key: return "the peer's public key is of low order";
        case errc::wrong_public_key:
          return "the peer's static key is not the configured `remote_public_key`";
        case errc::unsupported: return "not supported";
        case errc::invalid_key_material: return "missing or malformed key or certificate";
        case errc::wrong_password: return "wrong password";
        case errc::certificate_wrong_name: return "the certificate is for another name";
        case errc::certificate_expired: return "the certificate has expired";
        case errc::certificate_not_yet_valid: return "the certificate is not valid yet";
        case errc::certificate_self_signed: return "the certificate is self-signed and not trusted";
        case errc::certificate_untrusted: return "the certificate's issuer is not trusted";
        case errc::certificate_invalid: return "the certificate is not valid";
        case errc::certificate_wrong_usage:
          return "the certificate is not for TLS servers, by its key usage or extended key usage";
        case errc::certificate_too_weak:
          return "the certificate or its chain has a weak key or signature (RSA under 2048 bits, "
                 "SHA-1)";
        case errc::certificate_unsupported:
          return "the certificate is of a form that the TLS engine does not accept (X.509 version "
                 "1)";
        case errc::tls_nothing_in_common:
          return "no TLS version, cipher suite or kind of key in common";
        case errc::not_tls: return "the peer does not speak TLS";
        case errc::tls_handshake_failed: return "TLS handshake failed";
        case errc::malformed_http: return "malformed HTTP";
        case errc::upgrade_refused: return "the answer to the WebSocket upgrade is invalid";
        case errc::malformed_proxy_answer: return "malformed answer from the proxy";
        case errc::proxy_authentication_failed: return "the proxy wants credentials, or other ones";
        case errc::closed_in_handshake: return "connection closed by the peer in the handshake";
        case errc::retries_exhausted:
          return "no service was accepted by the server in `client.max_retries` retries";
        case errc::wrong_transport:
          return "the settings ask for another transport than the one given";
        case errc::invalid_settings: return "the settings contradict themselves or lack something";
        case errc::no_client: return "no client serves the service";
        case errc::visitor_rejected: return "refused by the visitor filter";
        case errc::draining: return "the server is being drained";
        case errc::reset_by_operator: return "reset by the operator";
        case errc::malformed_proxy_header: return "no valid header of the PROXY protocol";
        case errc::address_denied: return "the address is not allowed";
        case errc::too_many_connections: return "too many connections";
        case errc::too_many_of_address: return "too many connections from its address";
        case errc::too_many_new_connections: return "too many new connections from its address";
        case errc::service_in_use: return "the service takes no more clients";
      }
      return "unknown error";
    }
  };
  static const category instance;
  return instance;
}

/// Returns `value` as a `std::error_code`; found by argument-dependent lookup, it makes `errc`
/// convertible.
inline std::error_code make_error_code(errc value) noexcept {
  return {static_cast<int>(value), error_category()};
}

}  // namespace rathole

/// Marks `errc` as an error code enumeration, so that it converts to `std::error_code`.
template <>
struct std::is_error_code_enum<rathole::errc> : std::true_type {};

namespace rathole {

/// Returns whether `error` says that the peer closed or reset a connection.
[[nodiscard]] inline bool is_end_by_peer(const std::error_code& error) {
  return error == errc::end_of_stream || error == errc::truncated ||
         error == std::errc::connection_reset || error == std::errc::broken_pipe;
}

}  // namespace rathole
