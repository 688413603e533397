#pragma once

#include <rathole/tls/engine.hpp>
#include <rathole/tls/host_name.hpp>
#include <rathole/tls/openssl/bio.hpp>
#include <rathole/tls/openssl/certificate.hpp>
#include <rathole/tls/openssl/setup.hpp>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <climits>
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace rathole::tls {

/// Runs TLS 1.2 and 1.3 with OpenSSL; models `TlsEngine`. In both versions one direction can end
/// alone.
class openssl_engine {
 public:
  /// The state that the connections of one client share.
  using client_setup = openssl_client_setup;
  /// The state that the connections of one server share.
  using server_setup = openssl_server_setup;

  /// Makes the client's side of a connection to `host`; see `TlsEngine`. Fails with
  /// `errc::invalid_address`.
  static result<openssl_engine> client(const client_setup& setup, std::string_view host) {
    const auto& shared = *setup.shared();
    openssl_engine out(shared.context.get());
    SSL* const ssl = out.connection_->ssl.get();
    out.connection_->client = setup.shared();
    if (!name_server(ssl, host)) return failure(errc::certificate_wrong_name);
    openssl_session_sink& sink = out.connection_->sink;
    sink = {shared.sessions, std::string(host)};
    SSL_set_app_data(ssl, &sink);
    if (const auto session = sink.sessions->take(sink.host)) SSL_set_session(ssl, session.get());
    SSL_set_connect_state(ssl);
    return out;
  }

  /// Makes the server's side of a connection; see `TlsEngine`.
  static result<openssl_engine> server(const server_setup& setup) {
    openssl_engine out(setup.context().get());
    out.connection_->server = setup.context();
    SSL_set_accept_state(out.connection_->ssl.get());
    return out;
  }

  /// Begins the handshake; see `TlsEngine`.
  result<void> start(byte_buffer& wire) {
    const wire_guard here(*connection_, {}, wire);
    return handshake();
  }

  /// Processes received bytes; see `TlsEngine`.
  result<void> receive(byte_view in, byte_buffer& app, byte_buffer& wire) {
    if (active_ && !can_receive(state())) return {};
    const wire_guard here(*connection_, in, wire);
    if (!active_) {
      const auto done = handshake();
      if (!done || !active_) return done;
    }
    for (;;) {
      const byte_span room = app.prepare(record_size);
      std::size_t count = 0;
      const int read = SSL_read_ex(ssl(), room.data(), room.size(), &count);
      if (read == 1) {
        app.commit(count);
        continue;
      }
      switch (SSL_get_error(ssl(), read)) {
        case SSL_ERROR_WANT_READ: return {};
        case SSL_ERROR_ZERO_RETURN: peer_ended_ = true; return {};
        default: return fail();
      }
    }
  }

  /// Encrypts application bytes; see `TlsEngine`.
  result<void> send(byte_view in, byte_buffer& wire) {
    const wire_guard here(*connection_, {}, wire);
    while (!in.empty()) {
      std::size_t count = 0;
      if (SSL_write_ex(ssl(), in.data(), std::min<std::size_t>(in.size(), INT_MAX), &count) != 1) {
        return fail();
      }
      in = in.subspan(count);
    }
    return {};
  }

  /// Sends close_notify; see `TlsEngine`.
  result<void> close(byte_buffer& wire) {
    const wire_guard here(*connection_, {}, wire);
    ended_ = true;
    if (SSL_shutdown(ssl()) < 0) return fail();
    return {};
  }

  /// Returns the phase of the connection; see `TlsEngine`.
  [[nodiscard]] phase state() const {
    if (!active_) return ended_ ? phase::closed : phase::handshaking;
    if (ended_) return peer_ended_ ? phase::closed : phase::write_closed;
    return peer_ended_ ? phase::read_closed : phase::open;
  }
  /// Returns true: one direction can end alone.
  [[nodiscard]] bool half_closes() const { return true; }
  /// Returns whether the handshake resumed an earlier session.
  [[nodiscard]] bool resumed() const { return SSL_session_reused(ssl()) == 1; }
  /// Returns the negotiated version, such as "TLSv1.3".
  [[nodiscard]] const char* version() const { return SSL_get_version(ssl()); }
  /// Returns OpenSSL's name of the negotiated cipher suite.
  [[nodiscard]] const char* suite() const { return SSL_get_cipher_name(ssl()); }
  /// Returns what the handshake agreed on; see `TlsEngine`.
  [[nodiscard]] session_summary summary() const {
    session_summary out{version(), suite()};
    if (const X509* const shown = SSL_get0_peer_certificate(ssl())) {
      out.subject = openssl_subject(*shown);
      out.expires = openssl_expiry(*shown);
    }
    return out;
  }

 private:
  /// The largest content of a record (RFC 8446 section 5.1), in bytes.
  static constexpr std::size_t record_size = 16 * 1024;

  // OpenSSL keeps references to the wire and the sink, so they must not move.
  struct connection {
    openssl_wire wire;
    openssl_session_sink sink;
    std::shared_ptr<const client_setup::parts> client;
    std::shared_ptr<SSL_CTX> server;
    detail::ssl_ptr ssl;
  };

  /// Gives OpenSSL the buffers of one call and an empty error queue; takes the buffers away at its
  /// end.
  class wire_guard {
   public:
    wire_guard(connection& at, byte_view in, byte_buffer& out) : wire_(at.wire) {
      ERR_clear_error();
      wire_.in = in;
      wire_.out = &out;
    }
    wire_guard(const wire_guard&) = delete;
    wire_guard& operator=(const wire_guard&) = delete;
    ~wire_guard() { wire_ = {}; }

   private:
    openssl_wire& wire_;
  };

  explicit openssl_engine(SSL_CTX* context) : connection_(std::make_unique<connection>()) {
    connection_->ssl.reset(SSL_new(context));
    if (!connection_->ssl) throw std::bad_alloc();
    BIO* const bio = make_bio(connection_->wire);
    SSL_set_bio(connection_->ssl.get(), bio, bio);
  }

  /// Announces the name of the server, unless it is an IP literal, and requires a certificate for
  /// it.
  static bool name_server(SSL* ssl, std::string_view host) {
    // An empty name would switch the check of names off, and OpenSSL ignores what follows a NUL.
    if (!is_server_name(host)) return false;
    if (host.ends_with('.')) host.remove_suffix(1);
    const std::string name(host);
    if (is_ip_literal(host)) {
      return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, name.c_str()) == 1 &&
           SSL_set_tlsext_host_name(ssl, name.c_str()) == 1;
  }

  [[nodiscard]] SSL* ssl() const { return connection_->ssl.get(); }

  result<void> handshake() {
    const int done = SSL_do_handshake(ssl());
    active_ = done == 1;
    if (active_) return {};
    switch (SSL_get_error(ssl(), done)) {
      case SSL_ERROR_WANT_READ: return {};
      case SSL_ERROR_ZERO_RETURN: return failure(errc::end_of_stream);
      default: return fail();
    }
  }

  std::unexpected<std::error_code> fail() {
    if (connection_->wire.exhausted) {
      ERR_clear_error();
      throw std::bad_alloc();
    }
    return failure(openssl_error(ssl()));
  }

  std::unique_ptr<connection> connection_;
  bool active_ = false;
  bool peer_ended_ = false;
  bool ended_ = false;
};

static_assert(TlsEngine<openssl_engine>);

}  // namespace rathole::tls
