#pragma once

#include <rathole/core/read_file.hpp>
#include <rathole/core/secret.hpp>
#include <rathole/core/time.hpp>
#include <rathole/tls/engine.hpp>
#include <rathole/tls/environment_roots.hpp>
#include <rathole/tls/key_strength.hpp>
#include <rathole/tls/layer.hpp>
#include <rathole/tls/pem_certificates.hpp>
#include <rathole/tls/pem_identity.hpp>
#include <rathole/tls/pkcs12.hpp>
#include <rathole/tls/reloading.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::tls {

/// What a client needs to speak TLS.
struct client_settings {
  /// The path of a PEM file, all whose certificates are trusted.
  std::optional<std::string> trusted_root = {};
  /// Whether they stand in for the roots of the machine rather than beside them.
  bool trusted_root_only = false;
  /// See `layer`.
  duration half_close_timeout = std::chrono::milliseconds(50);
  complaint complain = {};
};

/// What a server needs to speak TLS: a PKCS#12 file, or two PEM files.
struct server_settings {
  /// The path of a PKCS#12 file, whose password is the next.
  std::optional<std::string> pkcs12 = {};
  secret pkcs12_password = {};
  /// The paths of the certificate with its issuers, and of its key.
  std::optional<std::string> cert = {};
  std::optional<std::string> key = {};
  /// See `layer`.
  duration half_close_timeout = std::chrono::seconds(1);
  complaint complain = {};
};

namespace detail {

/// What `read` makes of the octets of a file; fails with a sentence that names the file.
template <class F>
auto from_file(const char* key, const std::string& path, F read)
    -> decltype(read(std::string_view())) {
  const auto refused = [&](const std::string& why) {
    return std::unexpected("`" + std::string(key) + "` is \"" + path + "\": " + why);
  };
  auto text = read_file(path, {.size = largest_file});
  if (!text) return refused("the file cannot be read: " + text.error());
  const secret wiped(std::move(*text));
  auto out = read(wiped.view());
  if (!out) return refused(out.error());
  return out;
}

inline byte_view octets_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline std::expected<identity, std::string> read_identity(const server_settings& from) {
  if (from.pkcs12) {
    return from_file("pkcs12", *from.pkcs12, [&from](std::string_view file) {
      return read_pkcs12(octets_of(file), from.pkcs12_password.view());
    });
  }
  if (!from.cert || !from.key) {
    return std::unexpected("there is no certificate: set `pkcs12`, or `cert` and `key`");
  }
  return from_file("cert", *from.cert, [&from](std::string_view certificates) {
    return from_file("key", *from.key, [certificates](std::string_view key) {
      return read_pem_identity(certificates, key);
    });
  });
}

template <class Setup>
std::expected<Setup, std::string> make_client_setup(const client_settings& from) {
  trust roots{.system_roots = !from.trusted_root_only};
  if (!from.trusted_root) return Setup::make(roots);
  return from_file("trusted_root", *from.trusted_root,
                   [&roots](std::string_view file) -> std::expected<Setup, std::string> {
                     auto read = read_pem_certificates(file);
                     if (!read) return std::unexpected(std::move(read.error()));
                     roots.roots = std::move(*read);
                     return Setup::make(roots);
                   });
}

template <class Setup>
std::expected<Setup, std::string> make_server_setup(const server_settings& from) {
  auto shown = read_identity(from);
  if (!shown) return std::unexpected(std::move(shown.error()));
  const auto refused = [&from](const std::string& why) {
    return std::unexpected("\"" + from.pkcs12.value_or(from.cert.value_or("")) +
                           "\" cannot be used: " + why);
  };
  if (const auto weak = weak_key(*shown)) return refused(*weak);
  auto out = Setup::make(*shown);
  if (!out) return refused(out.error());
  return out;
}

}  // namespace detail

/// Makes a client's layers; they share trust and sessions. Cheap to copy, and used by several
/// threads at once. Files that have changed are loaded again before a layer is made.
template <TlsEngine E>
class client_context {
 public:
  /// Fails with a sentence for people that names the file and what is wrong with it.
  static std::expected<client_context, std::string> load(client_settings settings) {
    std::vector<std::string> files;
    if (settings.trusted_root) files.push_back(*settings.trusted_root);
    const environment_roots named = read_environment_roots();
    if (named.file && !settings.trusted_root_only) files.push_back(*named.file);
    auto loaded = reloading<setup>::load(
        std::move(files), [settings] { return detail::make_client_setup<setup>(settings); },
        settings.complain);
    if (!loaded) return std::unexpected(std::move(loaded.error()));
    return client_context(std::move(*loaded), settings.half_close_timeout);
  }

  /// The layer of a connection to `host`, a DNS name or an IP literal without brackets, which the
  /// server's certificate must be for.
  result<layer<E>> make_layer(std::string_view host) const {
    auto engine = E::client(setup_->current(), host);
    if (!engine) return failure(engine.error());
    return layer<E>(std::move(*engine), half_close_timeout_);
  }

 private:
  using setup = typename E::client_setup;

  client_context(std::shared_ptr<reloading<setup>> loaded, duration half_close_timeout)
      : setup_(std::move(loaded)), half_close_timeout_(half_close_timeout) {}

  std::shared_ptr<reloading<setup>> setup_;
  duration half_close_timeout_;
};

/// As for a client: makes a server's layers, which share identity and tickets.
template <TlsEngine E>
class server_context {
 public:
  static std::expected<server_context, std::string> load(server_settings settings) {
    std::vector<std::string> files;
    for (const auto& file : {settings.pkcs12, settings.cert, settings.key}) {
      if (file) files.push_back(*file);
    }
    auto loaded = reloading<setup>::load(
        std::move(files), [settings] { return detail::make_server_setup<setup>(settings); },
        settings.complain);
    if (!loaded) return std::unexpected(std::move(loaded.error()));
    return server_context(std::move(*loaded), settings.half_close_timeout);
  }

  result<layer<E>> make_layer() const {
    auto engine = E::server(setup_->current());
    if (!engine) return failure(engine.error());
    return layer<E>(std::move(*engine), half_close_timeout_);
  }

 private:
  using setup = typename E::server_setup;

  server_context(std::shared_ptr<reloading<setup>> loaded, duration half_close_timeout)
      : setup_(std::move(loaded)), half_close_timeout_(half_close_timeout) {}

  std::shared_ptr<reloading<setup>> setup_;
  duration half_close_timeout_;
};

}  // namespace rathole::tls
