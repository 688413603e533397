#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/layer.hpp>
#include <rathole/core/result.hpp>
#include <rathole/tls/identity.hpp>
#include <rathole/tls/trust.hpp>

#include <concepts>
#include <expected>
#include <string>
#include <string_view>

namespace rathole::tls {

/// One TLS connection (RFC 5246, RFC 8446) without input or output of its own, as a TLS library
/// offers it; `tls::layer` makes a `Layer` of it. TLS 1.2 or later, ECDHE with AEAD suites only, no
/// renegotiation, no compression, sessions resumed. Buffers are appended to.
///
/// * `client_setup`, `server_setup`: what the connections of one client or server share: keys,
///   roots, sessions, tickets. Cheap to copy, and used by several threads at once. `make` fails
///   with a sentence for people that says what is wrong with the certificates or the key.
/// * `E::client(setup, host)` makes the side that begins. `host` is the name (then announced by
///   SNI) or the IP literal that the server's certificate must be for. `E::server(setup)` makes
///   the other.
/// * `start(wire)` is called once and first; a client says its hello.
/// * `receive(in, app, wire)` takes all octets of `in`. What comes after the peer's close_notify,
///   or after an end of both directions, is ignored. Fails with the alert (`tls::alert`) that came,
///   with `errc::certificate_*` if the server's certificate is refused, with
///   `errc::decryption_failed`, `errc::unexpected_message`, `errc::message_too_long` or
///   `errc::tls_handshake_failed`; the alert that tells the peer is then in `wire`. It is not called
///   again after that.
/// * `send(in, wire)` is called while `can_send(state())`.
/// * `close(wire)` says close_notify, once.
/// * `state()` is `handshaking` until application octets may be sent; a close_notify of either side
///   ends one direction if `half_closes()`, else both, and then the engine has replied in kind.
/// * `half_closes()`: whether one direction can end alone; settled once the handshake is over.
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
    };

}  // namespace rathole::tls
