#pragma once

#include <rathole/crypto/openssl/owned.hpp>
#include <rathole/tls/identity.hpp>
#include <rathole/tls/openssl/error.hpp>
#include <rathole/tls/trust.hpp>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace rathole::tls {

namespace detail {

/// An SSL_CTX that is freed with its owner.
using ssl_ctx_ptr = std::unique_ptr<SSL_CTX, crypto::openssl::free_by<SSL_CTX_free>>;
/// An SSL that is freed with its owner.
using ssl_ptr = std::unique_ptr<SSL, crypto::openssl::free_by<SSL_free>>;
/// An SSL_SESSION that is freed with its owner.
using ssl_session_ptr = std::unique_ptr<SSL_SESSION, crypto::openssl::free_by<SSL_SESSION_free>>;
/// An X509 that is freed with its owner.
using x509_ptr = std::unique_ptr<X509, crypto::openssl::free_by<X509_free>>;
/// An EVP_PKEY that is freed with its owner.
using evp_pkey_ptr = std::unique_ptr<EVP_PKEY, crypto::openssl::free_by<EVP_PKEY_free>>;

/// Returns whether the processor has AES instructions.
inline bool has_aes() {
#if defined(__x86_64__) || defined(__i386__)
  return __builtin_cpu_supports("aes") != 0;
#elif defined(__ARM_FEATURE_AES)
  return true;
#else
  return false;
#endif
}

/// Returns a context for TLS 1.2 with ECDHE, and for TLS 1.3 with the groups that OpenSSL enables by
/// default, which may be finite-field or hybrid ones too. Suites are AEAD only; AES-GCM comes first
/// if the processor has AES instructions. Throws `std::bad_alloc`.
inline ssl_ctx_ptr make_ssl_ctx(const SSL_METHOD* method) {
  ssl_ctx_ptr out(SSL_CTX_new(method));
  if (!out) throw std::bad_alloc();
  const std::string aes_12 =
      "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
      "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
  const std::string chacha_12 = "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
  const std::string aes_13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384";
  const std::string chacha_13 = "TLS_CHACHA20_POLY1305_SHA256";
  const auto ordered = [](const std::string& aes, const std::string& chacha) {
    return has_aes() ? aes + ':' + chacha : chacha + ':' + aes;
  };
  // Level 2 is 112 bits, whatever the machine's configuration says: RSA from 2048 bits, no SHA-1.
  SSL_CTX_set_security_level(out.get(), 2);
  SSL_CTX_set_min_proto_version(out.get(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(out.get(), ordered(aes_12, chacha_12).c_str());
  SSL_CTX_set_ciphersuites(out.get(), ordered(aes_13, chacha_13).c_str());
  SSL_CTX_set_options(out.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(out.get(), SSL_MODE_RELEASE_BUFFERS);
  return out;
}

/// Parses a certificate in DER; returns null if it is malformed.
inline x509_ptr read_x509(const std::vector<std::uint8_t>& der) {
  const unsigned char* at = der.data();
  return x509_ptr(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

}  // namespace detail

/// The sessions that a client may resume, each with its host. It may be used by several threads at
/// once.
class openssl_sessions {
 public:
  /// Adds a session with `host`; drops the oldest session if there are too many.
  void add(const std::string& host, detail::ssl_session_ptr session) {
    const std::scoped_lock lock(mutex_);
    if (held_.size() == max_sessions) held_.erase(held_.begin());
    held_.push_back({host, std::move(session)});
  }

  /// Returns the newest session with `host`, or null. A session of TLS 1.3 is removed, because it
  /// must be used only once (RFC 8446 appendix C.4); one of TLS 1.2 is copied.
  detail::ssl_session_ptr take(const std::string& host) {
    const std::scoped_lock lock(mutex_);
    const auto newest = std::ranges::find(held_.rbegin(), held_.rend(), host, &held::host);
    if (newest == held_.rend()) return nullptr;
    SSL_SESSION* const session = newest->session.get();
    if (SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION) {
      return detail::ssl_session_ptr(SSL_SESSION_dup(session));
    }
    auto out = std::move(newest->session);
    held_.erase(std::next(newest).base());
    return out;
  }

 private:
  struct held {
    std::string host;
    detail::ssl_session_ptr session;
  };
  static constexpr std::size_t max_sessions = 16;
  std::mutex mutex_;
  std::vector<held> held_;
};

/// The place where the sessions of a client's connection are stored.
struct openssl_session_sink {
  /// The sessions of the client.
  std::shared_ptr<openssl_sessions> sessions;
  /// The host of the connection.
  std::string host;
};

namespace detail {

/// Stores a copy of a session that OpenSSL announces for a client's connection; the application
/// data of `ssl` is its `openssl_session_sink`.
inline int keep_session(SSL* ssl, SSL_SESSION* session) {
  // It must be a copy: OpenSSL makes a session unusable if its connection ends without
  // close_notify, which TLS no longer requires (RFC 4346 section 7.2.1).
  ssl_session_ptr copy(SSL_SESSION_dup(session));
  if (!copy) return 0;
  try {
    const auto& sink = *static_cast<const openssl_session_sink*>(SSL_get_app_data(ssl));
    sink.sessions->add(sink.host, std::move(copy));
  } catch (const std::bad_alloc&) {
    // Without memory the session cannot be resumed later.
  }
  return 0;
}

}  // namespace detail

/// The state that the connections of one client share.
class openssl_client_setup {
 public:
  /// The shared state.
  struct parts {
    /// The context with the trusted roots.
    detail::ssl_ctx_ptr context;
    /// The sessions that may be resumed.
    std::shared_ptr<openssl_sessions> sessions = std::make_shared<openssl_sessions>();
  };

  /// Makes the setup from the trusted roots; see `TlsEngine`.
  static std::expected<openssl_client_setup, std::string> make(const trust& roots) {
    auto context = detail::make_ssl_ctx(TLS_client_method());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_verify_depth(context.get(), max_issuers);
    SSL_CTX_set_session_cache_mode(context.get(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context.get(), detail::keep_session);
    X509_STORE* const store = SSL_CTX_get_cert_store(context.get());
    // A trusted certificate need not be an issuer.
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    for (std::size_t i = 0; i < roots.roots.size(); ++i) {
      const auto root = detail::read_x509(roots.roots[i]);
      if (!root || X509_STORE_add_cert(store, root.get()) != 1) {
        return std::unexpected("certificate " + std::to_string(i + 1) +
                               " is malformed: " + openssl_reason());
      }
    }
    // It is not an error if the machine has no roots.
    if (roots.system_roots) SSL_CTX_set_default_verify_paths(context.get());
    ERR_clear_error();
    openssl_client_setup out;
    out.parts_ = std::make_shared<const parts>(parts{.context = std::move(context)});
    return out;
  }

  /// Returns the shared state.
  [[nodiscard]] const std::shared_ptr<const parts>& shared() const { return parts_; }

 private:
  /// The longest chain of issuers between a server's certificate and a root.
  static constexpr int max_issuers = 8;

  std::shared_ptr<const parts> parts_;
};

/// The state that the connections of one server share: its identity and the keys of its tickets.
class openssl_server_setup {
 public:
  /// Makes the setup from the identity of the server; see `TlsEngine`.
  static std::expected<openssl_server_setup, std::string> make(const identity& shown) {
    if (shown.certificates.empty()) return std::unexpected("there is no certificate");
    auto context = detail::make_ssl_ctx(TLS_server_method());
    const auto refused = [](const char* what) {
      return std::unexpected(std::string(what) + ": " + openssl_reason());
    };
    for (std::size_t i = 0; i < shown.certificates.size(); ++i) {
      const auto certificate = detail::read_x509(shown.certificates[i]);
      if (!certificate) return refused("a certificate is malformed");
      const bool taken = i == 0 ? SSL_CTX_use_certificate(context.get(), certificate.get()) == 1
                                : SSL_CTX_add1_chain_cert(context.get(), certificate.get()) == 1;
      if (!taken) return refused("a certificate cannot be used");
    }
    const byte_view der = shown.private_key.bytes();
    const unsigned char* at = der.data();
    const detail::evp_pkey_ptr key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(der.size())));
    if (!key) return refused("the key is malformed");
    if (SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1 ||
        SSL_CTX_check_private_key(context.get()) != 1) {
      return refused("the key is not the one of the first certificate");
    }
    constexpr unsigned char name[] = "rathole";
    SSL_CTX_set_session_id_context(context.get(), name, sizeof name - 1);
    openssl_server_setup out;
    out.context_ = std::shared_ptr<SSL_CTX>(context.release(), SSL_CTX_free);
    return out;
  }

  /// Returns the context with the identity.
  [[nodiscard]] const std::shared_ptr<SSL_CTX>& context() const { return context_; }

 private:
  std::shared_ptr<SSL_CTX> context_;
};

}  // namespace rathole::tls
