#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/read_file.hpp>
#include <rathole/core/secret.hpp>
#include <rathole/core/time.hpp>
#include <rathole/tls/certificate_dates.hpp>
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

/// The TLS configuration of a client.
struct client_settings {
  /// The path of a PEM file; all certificates in it are trusted.
  std::optional<std::string> trusted_root = {};
  /// Whether they replace the roots of the machine; otherwise both are trusted.
  bool trusted_root_only = false;
  /// How long a postponed close_notify waits; see `layer`.
  duration half_close_timeout = std::chrono::milliseconds(50);
  /// The function that receives the problems of files that have changed; may be empty.
  problem_handler report_problem = {};
};

/// The TLS configuration of a server: a PKCS#12 file, or two PEM files.
struct server_settings {
  /// The path of a PKCS#12 file with the certificates and the key.
  std::optional<std::string> pkcs12 = {};
  /// The password of the PKCS#12 file.
  secret pkcs12_password = {};
  /// The path of a PEM file with the certificate and its issuers.
  std::optional<std::string> cert = {};
  /// The path of a PEM file with the private key of the certificate.
  std::optional<std::string> key = {};
  /// How long a postponed close_notify waits; see `layer`.
  duration half_close_timeout = std::chrono::seconds(1);
  /// The function that receives the problems of files that have changed; may be empty.
  problem_handler report_problem = {};
};

namespace detail {

/// Returns the result of `read` for the content of the file at `path`, which the configuration
/// names by `key`. Fails with a text that names the key, the file and the reason.
template <class F>
auto from_file(const char* key, const std::string& path, F read)
    -> decltype(read(std::string_view())) {
  const auto refused = [&](const std::string& why) {
    return std::unexpected("`" + std::string(key) + "` is \"" + path + "\": " + why);
  };
  auto text = read_file(path, {.size = max_file_size});
  if (!text) return refused("the file cannot be read: " + text.error());
  const secret wiped(std::move(*text));
  auto out = read(wiped.view());
  if (!out) return refused(out.error());
  return out;
}

/// Reads the identity from the files of `from`. Fails with a text for users.
inline std::expected<identity, std::string> read_identity(const server_settings& from) {
  if (from.pkcs12) {
    return from_file("pkcs12", *from.pkcs12, [&from](std::string_view file) {
      return read_pkcs12(byte_view_of(file), from.pkcs12_password.view());
    });
  }
  if (!from.cert || !from.key) {
    return std::unexpected("there is no certificate: set `pkcs12`, or `cert` and `key`");
  }
  // The message must name the file that has the fault. The certificates' file may hold the key too.
  const auto certificates = from_file(
      "cert", *from.cert, [](std::string_view file) -> std::expected<secret, std::string> {
        auto read = read_pem_certificates(file);
        if (!read) return std::unexpected(std::move(read.error()));
        return secret(std::string(file));
      });
  if (!certificates) return std::unexpected(certificates.error());
  return from_file("key", *from.key, [&certificates](std::string_view key) {
    return read_pem_identity(certificates->view(), key);
  });
}

/// Makes the setup of a client from the files of `from`. Fails with a text for users.
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

/// Makes the setup of a server from the files of `from`. Fails with a text for users.
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
  if (!from.report_problem) return out;
  if (const auto dates = date_problem(*shown)) {
    from.report_problem(file_news::doubtful,
                        "\"" + from.pkcs12.value_or(from.cert.value_or("")) + "\": " + *dates);
  }
  return out;
}

}  // namespace detail

/// Makes the TLS layers of a client, which share roots and sessions. It is cheap to copy, and may
/// be used by several threads at once. Files that have changed are loaded again before a layer is
/// made.
template <TlsEngine E>
class client_context {
 public:
  /// Loads the files of `settings`. Fails with a text for users that names the file and the fault.
  static std::expected<client_context, std::string> load(client_settings settings) {
    std::vector<std::string> files;
    if (settings.trusted_root) files.push_back(*settings.trusted_root);
    const environment_roots named = read_environment_roots();
    if (named.file && !settings.trusted_root_only) files.push_back(*named.file);
    auto loaded = reloading<setup>::load(
        std::move(files), [settings] { return detail::make_client_setup<setup>(settings); },
        settings.report_problem);
    if (!loaded) return std::unexpected(std::move(loaded.error()));
    return client_context(std::move(*loaded), settings.half_close_timeout);
  }

  /// Returns the layer of a connection to `host`, a DNS name or an IP literal without brackets, for
  /// which the server's certificate must be issued.
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

/// Makes the TLS layers of a server, which share identity and ticket keys; otherwise as
/// `client_context`.
template <TlsEngine E>
class server_context {
 public:
  /// Loads the files of `settings`. Fails with a text for users that names the file and the fault.
  static std::expected<server_context, std::string> load(server_settings settings) {
    std::vector<std::string> files;
    for (const auto& file : {settings.pkcs12, settings.cert, settings.key}) {
      if (file) files.push_back(*file);
    }
    auto loaded = reloading<setup>::load(
        std::move(files), [settings] { return detail::make_server_setup<setup>(settings); },
        settings.report_problem);
    if (!loaded) return std::unexpected(std::move(loaded.error()));
    return server_context(std::move(*loaded), settings.half_close_timeout);
  }

  /// Returns the layer of an accepted connection.
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
