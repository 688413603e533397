#pragma once

#include <rathole/crypto/system_rng.hpp>
#include <rathole/tls/botan/policy.hpp>
#include <rathole/tls/botan/rng.hpp>
#include <rathole/tls/botan/trust.hpp>
#include <rathole/tls/identity.hpp>
#include <rathole/tls/key_algorithm.hpp>

#include <botan/credentials_manager.h>
#include <botan/data_src.h>
#include <botan/pkcs8.h>
#include <botan/tls_session_manager.h>
#include <botan/version.h>

#if BOTAN_VERSION_MAJOR >= 3
#include <botan/tls_session_manager_memory.h>
#include <botan/tls_session_manager_stateless.h>
#endif

#include <algorithm>
#include <cstddef>
#include <exception>
#include <expected>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace rathole::tls {

/// A source of random bytes that may be used by several threads.
using shared_rng = std::shared_ptr<Botan::RandomNumberGenerator>;

/// Returns the random source of the operating system; all callers share one object.
inline shared_rng system_botan_rng() {
  static const auto rng = std::make_shared<botan_rng<crypto::system_rng>>();
  return rng;
}

/// Provides a server's certificates and key to Botan, and a key for session tickets, which is made
/// at random when the object is made.
class botan_credentials final : public Botan::Credentials_Manager {
 public:
  /// Loads the key and the certificates. Throws an exception of Botan if one is malformed.
  botan_credentials(const identity& shown, Botan::RandomNumberGenerator& rng)
      : key_(load_key(shown.private_key)), ticket_key_(rng, ticket_key_size) {
    for (const auto& der : shown.certificates) chain_.emplace_back(der.data(), der.size());
  }

  /// Returns the certificates; that of the key is the first.
  [[nodiscard]] const std::vector<Botan::X509_Certificate>& chain() const { return chain_; }
  /// Returns the private key.
  [[nodiscard]] const Botan::Private_Key& key() const { return *key_; }

#if BOTAN_VERSION_MAJOR >= 3
  /// Returns the server's certificates if Botan asks for those of a TLS server and accepts the type
  /// of the key, and none otherwise.
  std::vector<Botan::X509_Certificate> find_cert_chain(
      const std::vector<std::string>& key_types,
      const std::vector<Botan::AlgorithmIdentifier>& /*signatures*/,
      const std::vector<Botan::X509_DN>& /*issuers*/, const std::string& type,
      const std::string& /*context*/) override {
    return find(key_types, type);
  }
  /// Returns the private key, whatever the arguments.
  std::shared_ptr<Botan::Private_Key> private_key_for(const Botan::X509_Certificate& /*leaf*/,
                                                      const std::string& /*type*/,
                                                      const std::string& /*context*/) override {
    return key_;
  }
  /// Returns the key that encrypts session tickets.
  Botan::secure_vector<std::uint8_t> session_ticket_key() override { return ticket_key_.bits_of(); }
#else
  /// Returns the server's certificates if Botan asks for those of a TLS server and accepts the type
  /// of the key, and none otherwise.
  std::vector<Botan::X509_Certificate> find_cert_chain(
      const std::vector<std::string>& key_types, const std::vector<Botan::X509_DN>& /*issuers*/,
      const std::string& type, const std::string& /*context*/) override {
    return find(key_types, type);
  }
  /// Returns the private key, whatever the arguments; this object owns it.
  Botan::Private_Key* private_key_for(const Botan::X509_Certificate& /*leaf*/,
                                      const std::string& /*type*/,
                                      const std::string& /*context*/) override {
    return key_.get();
  }
  /// Returns the key that encrypts session tickets; other keys are those of the base class.
  Botan::SymmetricKey psk(const std::string& type, const std::string& context,
                          const std::string& name) override {
    if (type == "tls-server" && context == "session-ticket") return ticket_key_;
    return Botan::Credentials_Manager::psk(type, context, name);
  }
#endif

 private:
  static constexpr std::size_t ticket_key_size = 32;

  static std::shared_ptr<Botan::Private_Key> load_key(const secret& der) {
    Botan::DataSource_Memory source(der.bytes().data(), der.bytes().size());
    return Botan::PKCS8::load_key(source);
  }

  [[nodiscard]] std::vector<Botan::X509_Certificate> find(const std::vector<std::string>& key_types,
                                                          const std::string& type) const {
    const bool fits =
        key_types.empty() || std::ranges::find(key_types, key_->algo_name()) != key_types.end();
    if (type != "tls-server" || !fits) return {};
    return chain_;
  }

  std::vector<Botan::X509_Certificate> chain_;
  std::shared_ptr<Botan::Private_Key> key_;
  Botan::SymmetricKey ticket_key_;
};

/// The state that the connections of one client share: its trusted roots, and the sessions that it
/// may resume.
class botan_client_setup {
 public:
  /// The shared state.
  struct parts {
    /// Checks the servers' certificates.
    botan_trust trust;
    /// Draws random bytes for all connections.
    shared_rng rng;
    /// The sessions that may be resumed.
    std::shared_ptr<Botan::TLS::Session_Manager> sessions;
    /// An object without credentials: a client shows none.
    std::shared_ptr<Botan::Credentials_Manager> credentials =
        std::make_shared<Botan::Credentials_Manager>();
    /// Sets the versions, suites and keys that are accepted.
    std::shared_ptr<botan_policy> policy = std::make_shared<botan_policy>();
  };

  /// Makes the setup from the trusted roots; see `TlsEngine`. `rng` serves all connections.
  static std::expected<botan_client_setup, std::string> make(
      const trust& roots, const shared_rng& rng = system_botan_rng()) {
    auto judged = botan_trust::make(roots);
    if (!judged) return std::unexpected(std::move(judged.error()));
    botan_client_setup out;
    out.parts_ = std::make_shared<parts>(
        parts{.trust = std::move(*judged), .rng = rng, .sessions = make_sessions(rng)});
    return out;
  }

  /// Returns the shared state.
  [[nodiscard]] const std::shared_ptr<const parts>& shared() const { return parts_; }

 private:
  static std::shared_ptr<Botan::TLS::Session_Manager> make_sessions(const shared_rng& rng) {
#if BOTAN_VERSION_MAJOR >= 3
    return std::make_shared<Botan::TLS::Session_Manager_In_Memory>(rng);
#else
    return std::make_shared<Botan::TLS::Session_Manager_In_Memory>(*rng);
#endif
  }

  std::shared_ptr<const parts> parts_;
};

/// The state that the connections of one server share: its identity, and the key of its tickets,
/// which hold the sessions that clients may resume.
class botan_server_setup {
 public:
  /// The shared state.
  struct parts {
    /// Draws random bytes for all connections.
    shared_rng rng;
    /// The certificates and the key.
    std::shared_ptr<botan_credentials> credentials;
    /// Makes and reads session tickets.
    std::shared_ptr<Botan::TLS::Session_Manager> sessions;
    /// Sets the versions, suites and keys that are accepted.
    std::shared_ptr<botan_policy> policy = std::make_shared<botan_policy>();
  };

  /// Makes the setup from the identity of the server; see `TlsEngine`. `rng` serves all
  /// connections.
  static std::expected<botan_server_setup, std::string> make(
      const identity& shown, const shared_rng& rng = system_botan_rng()) {
    if (shown.certificates.empty()) return std::unexpected("there is no certificate");
    botan_server_setup out;
    const std::string algorithm = key_algorithm_of(shown.private_key.bytes());
    if (!algorithm.empty() && algorithm != key_oid::rsa && algorithm != key_oid::ec) {
      return std::unexpected("the key is of " + key_algorithm_name(algorithm) +
                             ", which the engine `botan` cannot use; make one of ECDSA or RSA, or "
                             "use `engine = \"openssl\"`, where that is built in");
    }
    try {
      auto credentials = std::make_shared<botan_credentials>(shown, *rng);
      if (!has_fitting_key(*credentials)) {
        return std::unexpected("the key is not the one of the first certificate");
      }
      auto sessions = make_sessions(credentials, rng);
      out.parts_ = std::make_shared<parts>(parts{
          .rng = rng, .credentials = std::move(credentials), .sessions = std::move(sessions)});
    } catch (const std::exception& e) {
      return std::unexpected(std::string("the key or a certificate is malformed: ") + e.what());
    }
    return out;
  }

  /// Returns the shared state.
  [[nodiscard]] const std::shared_ptr<const parts>& shared() const { return parts_; }

 private:
  static bool has_fitting_key(const botan_credentials& shown) {
    const std::unique_ptr<Botan::Public_Key> certified(shown.chain().front().subject_public_key());
    return certified->public_key_bits() == shown.key().public_key_bits();
  }

  static std::shared_ptr<Botan::TLS::Session_Manager> make_sessions(
      [[maybe_unused]] const std::shared_ptr<botan_credentials>& credentials,
      [[maybe_unused]] const shared_rng& rng) {
#if BOTAN_VERSION_MAJOR >= 3
    return std::make_shared<Botan::TLS::Session_Manager_Stateless>(credentials, rng);
#else
    return std::make_shared<Botan::TLS::Session_Manager_Noop>();
#endif
  }

  std::shared_ptr<const parts> parts_;
};

}  // namespace rathole::tls
