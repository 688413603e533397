#pragma once

#include "layer_kinds.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/tls/openssl/engine.hpp>
#include <rathole/websocket/frame.hpp>

#include <doctest/doctest.h>

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::test {

/// The peer of a layer, which makes it send replies. It does no I/O: the driver passes the bytes in
/// `wire` to the layer, and passes what the layer sent to `receive`.
class asking_peer {
 public:
  virtual ~asking_peer() = default;

  /// Appends the first handshake message to `wire`, if this side sends it.
  virtual void start() = 0;
  /// Appends some hundreds of requests to `wire`, with a byte for the application among them.
  virtual void ask() = 0;
  /// Appends some hundreds of requests to `wire`, and nothing for the application.
  virtual void only_ask() = 0;
  /// Receives what the layer sent; `app` gets the application data.
  virtual void receive(byte_view in) = 0;

  byte_buffer wire;
  std::string app;
};

/// An OpenSSL peer whose post-handshake messages the test chooses: KeyUpdate with update_requested
/// in TLS 1.3 (RFC 8446 section 4.6.3), HelloRequest of a server in TLS 1.2 (RFC 5246 section
/// 7.4.1.1).
class asking_tls : public asking_peer {
 public:
  static std::unique_ptr<asking_tls> client() {
    auto setup = *tls::openssl_engine::client_setup::make(trust_in(test_root()));
    SSL_CTX* const context = setup.shared()->context.get();
    // Its sessions are never resumed.
    SSL_CTX_sess_set_new_cb(context, nullptr);
    auto out = std::make_unique<asking_tls>(context);
    SSL_set_connect_state(out->ssl_.get());
    SSL_set_tlsext_host_name(out->ssl_.get(), "server.test");
    return out;
  }
  static std::unique_ptr<asking_tls> server(int version) {
    auto setup = *tls::openssl_engine::server_setup::make(test_server());
    auto out = std::make_unique<asking_tls>(setup.context().get());
    SSL_clear_options(out->ssl_.get(), SSL_OP_NO_RENEGOTIATION);
    SSL_set_max_proto_version(out->ssl_.get(), version);
    SSL_set_accept_state(out->ssl_.get());
    return out;
  }

  explicit asking_tls(SSL_CTX* context) : ssl_(SSL_new(context)) {
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  }

  void start() override {
    SSL_do_handshake(ssl_.get());
    take_wire();
  }
  void ask() override {
    only_ask();
    write("a");
  }
  void only_ask() override {
    const bool has_key_update = SSL_version(ssl_.get()) == TLS1_3_VERSION;
    for (int i = 0; i < 300; ++i) {
      REQUIRE((has_key_update ? SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED)
                              : SSL_renegotiate(ssl_.get())) == 1);
      SSL_do_handshake(ssl_.get());
    }
    take_wire();
  }
  [[nodiscard]] bool is_open() const { return SSL_is_init_finished(ssl_.get()) == 1; }
  void write(std::string_view what) {
    REQUIRE(SSL_write(ssl_.get(), what.data(), static_cast<int>(what.size())) > 0);
    take_wire();
  }
  void receive(byte_view in) override {
    BIO_write(SSL_get_rbio(ssl_.get()), in.data(), static_cast<int>(in.size()));
    if (!is_open()) SSL_do_handshake(ssl_.get());
    char some[4096];
    for (int taken; (taken = SSL_read(ssl_.get(), some, sizeof some)) > 0;) {
      app.append(some, static_cast<std::size_t>(taken));
    }
    take_wire();
  }

 private:
  void take_wire() {
    std::uint8_t some[4096];
    for (int taken; (taken = BIO_read(SSL_get_wbio(ssl_.get()), some, sizeof some)) > 0;) {
      wire.append({some, static_cast<std::size_t>(taken)});
    }
  }

  tls::detail::ssl_ptr ssl_;
};

/// A WebSocket client, optionally over TLS, that sends Pings, or makes the TLS below request
/// replies.
class asking_websocket : public asking_peer {
 public:
  explicit asking_websocket(std::unique_ptr<asking_tls> below = nullptr, bool asks_below = false)
      : below_(std::move(below)), asks_below_(asks_below) {}

  void start() override {
    if (!below_) return begin();
    below_->start();
    pass_down({});
  }
  void ask() override {
    only_ask();
    byte_buffer out;
    const std::uint8_t one = 'a';
    (void)layer_.send({&one, 1}, out);
    pass_down(std::as_const(out).data());
  }
  void only_ask() override {
    if (asks_below_) {
      below_->only_ask();
      return pass_down({});
    }
    byte_buffer out;
    for (int i = 0; i < 500; ++i) {
      websocket::frame_header ping{.op = websocket::opcode::ping, .length = 0};
      ping.mask = websocket::mask_key{};
      const byte_span room = out.prepare(websocket::frame_header::max_size);
      out.commit(websocket::encode(ping, room));
    }
    pass_down(std::as_const(out).data());
  }

  void receive(byte_view in) override {
    if (!below_) return take(in);
    below_->receive(in);
    if (below_->is_open() && !std::exchange(begun_, true)) begin();
    const std::string plain = std::exchange(below_->app, {});
    pass_down({});
    take({reinterpret_cast<const std::uint8_t*>(plain.data()), plain.size()});
  }

 private:
  void begin() {
    byte_buffer out;
    (void)layer_.start(out);
    pass_down(std::as_const(out).data());
  }

  void take(byte_view in) {
    byte_buffer plain;
    byte_buffer out;
    (void)layer_.receive(in, plain, out);
    app.append(plain.data().begin(), plain.data().end());
  }
  void pass_down(byte_view out) {
    if (!below_) return wire.append(out);
    if (!out.empty()) {
      below_->write({reinterpret_cast<const char*>(out.data()), out.size()});
    }
    wire.append(std::as_const(below_->wire).data());
    below_->wire.clear();
  }

  std::unique_ptr<asking_tls> below_;
  const bool asks_below_;
  bool begun_ = false;
  websocket::layer<> layer_ = websocket::layer<>::client({.host = "server.test"});
};

}  // namespace rathole::test
