#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/layer.hpp>
#include <rathole/tls/alert.hpp>
#include <rathole/tls/botan/setup.hpp>
#include <rathole/tls/engine.hpp>
#include <rathole/tls/host_name.hpp>

#include <botan/tls_callbacks.h>
#include <botan/tls_ciphersuite.h>
#include <botan/tls_client.h>
#include <botan/tls_exceptn.h>
#include <botan/tls_extensions.h>
#include <botan/tls_handshake_msg.h>
#include <botan/tls_server.h>
#include <botan/tls_session.h>
#include <botan/tls_version.h>
#include <botan/version.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace rathole::tls {

/// A connection of the `botan_engine`: Botan's channel and the callbacks by which it reports. The
/// channel keeps a reference to its callbacks, so neither can be moved. The functions that
/// `TlsEngine` has, too, return why they failed.
class botan_connection final : public Botan::TLS::Callbacks {
 public:
  /// The client's side.
  struct client_end {
    /// What the connections of one client share.
    std::shared_ptr<const botan_client_setup::parts> shared;
    /// The host name of the server.
    std::string host;
  };
  /// The server's side.
  struct server_end {
    /// What the connections of one server share.
    std::shared_ptr<const botan_server_setup::parts> shared;
  };

  /// Makes the side `end` of a connection that has not started.
  explicit botan_connection(std::variant<client_end, server_end> end) : end_(std::move(end)) {}

  /// Begins the handshake; see `TlsEngine`.
  std::error_code start(byte_buffer& wire) {
    // Botan's channel of a client sends its ClientHello when it is constructed.
    return work(nullptr, wire, [this] {
      channel_ = std::holds_alternative<client_end>(end_) ? make(std::get<client_end>(end_))
                                                          : make(std::get<server_end>(end_));
    });
  }

  /// Processes received bytes; see `TlsEngine`.
  std::error_code receive(byte_view in, byte_buffer& app, byte_buffer& wire) {
    const phase before = state();
    if (before != phase::handshaking && !can_receive(before)) return {};
    const auto failed =
        work(&app, wire, [this, in] { channel_->received_data(in.data(), in.size()); });
    if (reason_) return reason_;
    return peer_ended_ ? std::error_code() : failed;
  }

  /// Encrypts application bytes; see `TlsEngine`.
  std::error_code send(byte_view in, byte_buffer& wire) {
    return work(nullptr, wire, [this, in] { channel_->send(in.data(), in.size()); });
  }

  /// Sends close_notify; see `TlsEngine`.
  std::error_code close(byte_buffer& wire) {
    ended_ = true;
    return work(nullptr, wire, [this] { channel_->close(); });
  }

  /// Returns the phase of the connection; see `TlsEngine`.
  [[nodiscard]] phase state() const {
    if (!active_) return ended_ ? phase::closed : phase::handshaking;
    if (!ended_ && !peer_ended_) return phase::open;
    if ((ended_ && peer_ended_) || !half_closes_) return phase::closed;
    return ended_ ? phase::write_closed : phase::read_closed;
  }
  /// Returns whether one direction can end alone; see `TlsEngine`.
  [[nodiscard]] bool half_closes() const { return half_closes_; }
  /// Returns whether the handshake resumed an earlier session.
  [[nodiscard]] bool resumed() const { return active_ && !certificate_seen_; }
  /// Returns what the handshake agreed on; see `TlsEngine`.
  [[nodiscard]] session_summary summary() const {
    session_summary out{version_.to_string(), suite_name(suite_)};
    const auto chain = channel_->peer_cert_chain();
    if (chain.empty()) return out;
    out.subject = chain.front().subject_dn().to_string();
    const auto end = chain.front().not_after().to_std_timepoint();
    out.expires = std::chrono::floor<std::chrono::days>(end);
    return out;
  }

 private:
  void tls_session_activated() override { active_ = true; }

  void tls_inspect_handshake_msg(const Botan::TLS::Handshake_Message& message) override {
    constexpr int certificate = 11;
    if (static_cast<int>(message.type()) == certificate) certificate_seen_ = true;
  }

  void tls_alert(Botan::TLS::Alert in) override {
    if (peer_ended_ || reason_) return;
    const auto what = static_cast<alert>(in.type());
    if (what == alert::close_notify) {
      peer_ended_ = true;
      if (!active_) reason_ = errc::end_of_stream;
    } else if (in.is_fatal()) {
      reason_ = what;
    }
  }

#if BOTAN_VERSION_MAJOR >= 3
  void tls_emit_data(std::span<const std::uint8_t> data) override { wire_->append(data); }
  void tls_record_received(std::uint64_t, std::span<const std::uint8_t> data) override {
    app_->append(data);
  }
  void tls_session_established(const Botan::TLS::Session_Summary& session) override {
    note_session(session);
    half_closes_ = !session.version().is_pre_tls_13();
  }
  bool tls_peer_closed_connection() override { return false; }
  void tls_verify_cert_chain(const std::vector<Botan::X509_Certificate>& chain,
                             const std::vector<std::optional<Botan::OCSP::Response>>&,
                             const std::vector<Botan::Certificate_Store*>&, Botan::Usage_Type,
                             std::string_view, const Botan::TLS::Policy&) override {
    verify(chain);
  }
  void tls_modify_extensions(Botan::TLS::Extensions& extensions, Botan::TLS::Connection_Side,
                             Botan::TLS::Handshake_Type) override {
    if (announces_no_name()) {
      extensions.remove_extension(Botan::TLS::Extension_Code::ServerNameIndication);
    }
  }
#else
  void tls_emit_data(const std::uint8_t data[], std::size_t size) override {
    wire_->append({data, size});
  }
  void tls_record_received(std::uint64_t, const std::uint8_t data[], std::size_t size) override {
    app_->append({data, size});
  }
  bool tls_session_established(const Botan::TLS::Session& session) override {
    note_session(session);
    return true;
  }
  void tls_verify_cert_chain(const std::vector<Botan::X509_Certificate>& chain,
                             const std::vector<std::shared_ptr<const Botan::OCSP::Response>>&,
                             const std::vector<Botan::Certificate_Store*>&, Botan::Usage_Type,
                             const std::string&, const Botan::TLS::Policy&) override {
    verify(chain);
  }
  void tls_modify_extensions(Botan::TLS::Extensions& extensions,
                             Botan::TLS::Connection_Side) override {
    if (announces_no_name()) {
      extensions.remove_extension(Botan::TLS::TLSEXT_SERVER_NAME_INDICATION);
    }
  }
#endif

  template <class Session>
  void note_session(const Session& session) {
    version_ = session.version();
    suite_ = session.ciphersuite_code();
  }

  static std::string suite_name(std::uint16_t code) {
    const auto suite = Botan::TLS::Ciphersuite::by_id(code);
#if BOTAN_VERSION_MAJOR >= 3
    return suite ? suite->to_string() : std::string();
#else
    return suite.to_string();
#endif
  }

  [[nodiscard]] bool announces_no_name() const {
    const auto* client = std::get_if<client_end>(&end_);
    return client != nullptr && is_ip_literal(client->host);
  }

  void verify(const std::vector<Botan::X509_Certificate>& chain) {
    const auto& client = std::get<client_end>(end_);
    reason_ = client.shared->trust.check(chain, client.host);
    if (!reason_) return;
    const auto said =
        reason_ == errc::certificate_expired || reason_ == errc::certificate_not_yet_valid
            ? alert::certificate_expired
        : reason_ == errc::certificate_untrusted || reason_ == errc::certificate_self_signed
            ? alert::unknown_ca
            : alert::bad_certificate;
    throw Botan::TLS::TLS_Exception(static_cast<Botan::TLS::Alert::Type>(said), reason_.message());
  }

  std::unique_ptr<Botan::TLS::Channel> make(const client_end& end) {
    using Botan::TLS::Client;
    const auto& shared = *end.shared;
    const Botan::TLS::Server_Information server(end.host);
#if BOTAN_VERSION_MAJOR >= 3
    return std::make_unique<Client>(not_owned(), shared.sessions, shared.credentials, shared.policy,
                                    shared.rng, server);
#else
    return std::make_unique<Client>(*this, *shared.sessions, *shared.credentials, *shared.policy,
                                    *shared.rng, server);
#endif
  }
  std::unique_ptr<Botan::TLS::Channel> make(const server_end& end) {
    using Botan::TLS::Server;
    const auto& shared = *end.shared;
#if BOTAN_VERSION_MAJOR >= 3
    return std::make_unique<Server>(not_owned(), shared.sessions, shared.credentials, shared.policy,
                                    shared.rng);
#else
    return std::make_unique<Server>(*this, *shared.sessions, *shared.credentials, *shared.policy,
                                    *shared.rng);
#endif
  }

#if BOTAN_VERSION_MAJOR >= 3
  // The channel is a member of this object: if it also owned the object, neither would be freed.
  std::shared_ptr<Botan::TLS::Callbacks> not_owned() { return {std::shared_ptr<void>(), this}; }
#endif

  // Lets Botan work on the buffers. Botan has written its alert before it throws.
  template <class F>
  std::error_code work(byte_buffer* app, byte_buffer& wire, F call) {
    app_ = app;
    wire_ = &wire;
    try {
      call();
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const Botan::TLS::TLS_Exception& e) {
      return error_of(static_cast<alert>(e.type()));
    } catch (const Botan::Invalid_Authentication_Tag&) {
      return errc::decryption_failed;
    } catch (const std::exception&) {
      return errc::tls_handshake_failed;
    }
    return {};
  }

  [[nodiscard]] errc error_of(alert said) const {
    const bool is_client = std::holds_alternative<client_end>(end_);
    switch (said) {
      // Botan 2 rejects a certificate of version 1 when it parses it, and later one whose key
      // usage lacks digitalSignature, before our own verification is called.
      case alert::bad_certificate:
        return certificate_seen_ ? errc::certificate_wrong_usage : errc::certificate_unsupported;
      case alert::protocol_version: return errc::tls_nothing_in_common;
      case alert::handshake_failure:
        return is_client ? errc::tls_handshake_failed : errc::tls_nothing_in_common;
      // Botan 3 checks the strength of a server's key before it calls our verification.
      case alert::insufficient_security:
        return is_client ? errc::certificate_too_weak : errc::tls_handshake_failed;
      case alert::unexpected_message: return errc::unexpected_message;
      case alert::bad_record_mac:
      case alert::decryption_failed:
      case alert::decrypt_error: return errc::decryption_failed;
      case alert::record_overflow: return errc::message_too_long;
      default: return errc::tls_handshake_failed;
    }
  }

  std::variant<client_end, server_end> end_;
  std::unique_ptr<Botan::TLS::Channel> channel_;
  // The buffers of the current call.
  byte_buffer* app_ = nullptr;
  byte_buffer* wire_ = nullptr;
  /// Why the connection failed, if the reason is not what Botan threw.
  std::error_code reason_;
  Botan::TLS::Protocol_Version version_;
  std::uint16_t suite_ = 0;
  bool active_ = false;
  bool peer_ended_ = false;
  bool ended_ = false;
  bool half_closes_ = false;
  bool certificate_seen_ = false;
};

}  // namespace rathole::tls
