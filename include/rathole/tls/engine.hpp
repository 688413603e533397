#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/layer.hpp>
#include <rathole/core/result.hpp>
#include <rathole/tls/identity.hpp>
#include <rathole/tls/session_summary.hpp>
#include <rathole/tls/trust.hpp>

#include <concepts>
#include <expected>
#include <string>
#include <string_view>

namespace rathole::tls {

/// One TLS connection (RFC 5246, RFC 8446) without input or output, as implemented by a TLS
/// library; `tls::layer` makes a `Layer` of it. It uses TLS 1.2 or later with an ephemeral key
/// exchange, in TLS 1.2 only ECDHE, and AEAD suites, without renegotiation and compression, and
/// resumes sessions. Output is appended to the buffers.
///
/// * `client_setup` and `server_setup` hold what the connections of one client or server share:
///   keys, roots, sessions, tickets. They are cheap to copy, and may be used by several threads at
///   once. Their `make` fails with a text for users that says what is wrong with the certificates
///   or the key.
/// * `E::client(setup, host)` makes the client's side. `host` is the name, which is then
///   announced by SNI, or the IP literal for which the server's certificate must be issued.
///   `E::server(setup)` makes the server's side.
/// * `start(wire)` is called once, before all others; a client sends its ClientHello.
/// * `receive(in, app, wire)` processes all bytes of `in`. Bytes after the peer's close_notify,
///   or after an end of both directions, are ignored. It fails with the received alert
///   (`tls::alert`), with `errc::certificate_*` if the server's certificate is rejected, or with
///   `errc::decryption_failed`, `errc::unexpected_message`, `errc::message_too_long` or
///   `errc::tls_handshake_failed`. Our alert for the peer is then in `wire`. It is not called again
///   after an error.
/// * `send(in, wire)` encrypts `in`. It is called only while `can_send(state())`.
/// * `close(wire)` sends close_notify. It is called once.
/// * `state()` is `handshaking` until application bytes may be sent. A close_notify of either
///   side ends one direction if `half_closes()`; otherwise it ends both, and the engine has then
///   sent its own close_notify in reply.
/// * `half_closes()` returns whether one direction can end alone. It does not change once the
///   handshake is complete.
/// * `summary()` returns what the completed handshake agreed on.
template <class E>
concept TlsEngine =
    std::movable<E> && std::copyable<typename E::client_setup> &&
    std::copyable<typename E::server_setup> &&
    requires(E& e, const E& ce, byte_view in, byte_buffer& app, byte_buffer& wire,
             const trust& roots, const identity& who, std::string_view host,
             const typename E::client_setup& client, const typename E::server_setup& server) {
      {
        E::client_setup::make(roots)
      } -> std::same_as<std::expected<typename E::client_setup, std::string>>;
      {
        E::server_setup::make(who)
      } -> std::same_as<std::expected<typename E::server_setup, std::string>>;
      { E::client(client, host) } -> std::same_as<result<E>>;
      { E::server(server) } -> std::same_as<result<E>>;
      { e.start(wire) } -> std::same_as<result<void>>;
      { e.receive(in, app, wire) } -> std::same_as<result<void>>;
      { e.send(in, wire) } -> std::same_as<result<void>>;
      { e.close(wire) } -> std::same_as<result<void>>;
      { ce.state() } -> std::same_as<phase>;
      { ce.half_closes() } -> std::same_as<bool>;
      { ce.summary() } -> std::same_as<session_summary>;
    };

}  // namespace rathole::tls
