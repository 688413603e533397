#pragma once

#include <rathole/core/bytes.hpp>
#include <rathole/core/error.hpp>
#include <rathole/tls/environment_roots.hpp>
#include <rathole/tls/host_name.hpp>
#include <rathole/tls/key_strength.hpp>
#include <rathole/tls/trust.hpp>

// Botan 2.19 compiles as C++23 only if the first of these headers comes before the others.
#include <botan/pkix_types.h>

#include <botan/certstor.h>
#include <botan/certstor_system.h>
#include <botan/version.h>
#include <botan/x509_ext.h>
#include <botan/x509path.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::tls {

/// Checks the certificates of servers with Botan's path validation (RFC 5280).
class botan_trust {
 public:
  /// A chain of certificates, the server's first.
  using chain = std::vector<Botan::X509_Certificate>;

  /// Loads the trusted roots. Fails with a text for users if a root is malformed.
  static std::expected<botan_trust, std::string> make(const trust& roots) {
    botan_trust out;
    auto store = std::make_shared<Botan::Certificate_Store_In_Memory>();
    for (std::size_t i = 0; i < roots.roots.size(); ++i) {
      try {
        store->add_certificate(
            Botan::X509_Certificate(roots.roots[i].data(), roots.roots[i].size()));
      } catch (const std::exception& e) {
        return std::unexpected("certificate " + std::to_string(i + 1) +
                               " is malformed, or the engine `botan` cannot read it: " + e.what());
      }
    }
    out.stores_.push_back(std::move(store));
    if (roots.system_roots) out.add_system_roots();
    return out;
  }

  /// Returns no error if the first of `certificates` is trusted and is a certificate for `host`,
  /// and otherwise an `errc::certificate_*`. Of the other certificates, at most seven are
  /// considered as issuers.
  [[nodiscard]] std::error_code check(chain certificates, std::string_view host) const {
    if (certificates.empty()) return errc::certificate_invalid;
    // The search for paths takes time that grows with the factorial of the number of certificates.
    if (certificates.size() > 8) certificates.erase(certificates.begin() + 8, certificates.end());
    const Botan::X509_Certificate& leaf = certificates.front();
    const auto code = is_pinned(leaf) ? check_pinned(leaf) : check_path(certificates);
    if (code != Botan::Certificate_Status_Code::VERIFIED) return error_of(code, leaf);
    return is_for(leaf, host) ? std::error_code() : errc::certificate_wrong_name;
  }

 private:
  using status = Botan::Certificate_Status_Code;
  using store = Botan::Certificate_Store;

  void add_system_roots() {
    const environment_roots named = read_environment_roots();
    auto held = std::make_shared<Botan::Certificate_Store_In_Memory>();
    for (const auto& der : load_roots(named)) {
      try {
        held->add_certificate(Botan::X509_Certificate(der.data(), der.size()));
      } catch (const std::exception&) {
        // Compat: OpenSSL also ignores unreadable files there.
      }
    }
    stores_.push_back(std::move(held));
    if (named.replace_defaults()) return;
    if (auto system = system_store()) stores_.push_back(std::move(system));
  }

  /// Returns the roots of this machine, which are loaded at the first call; null if they cannot be
  /// loaded.
  static std::shared_ptr<store> system_store() {
    static const auto loaded = []() -> std::shared_ptr<store> {
      try {
        return std::make_shared<Botan::System_Certificate_Store>();
      } catch (const std::exception&) {
        return nullptr;
      }
    }();
    return loaded;
  }

  /// Returns a certificate of a store: a store of Botan 2 returns pointers, one of Botan 3 values.
  static const Botan::X509_Certificate& dereference(const Botan::X509_Certificate& in) {
    return in;
  }
  static const Botan::X509_Certificate& dereference(
      const std::shared_ptr<const Botan::X509_Certificate>& in) {
    return *in;
  }

  /// Returns whether `leaf` is identical to a trusted certificate. It is then trusted directly,
  /// whoever signed it.
  [[nodiscard]] bool is_pinned(const Botan::X509_Certificate& leaf) const {
    return std::ranges::any_of(stores_, [&leaf](const auto& held) {
      return std::ranges::any_of(held->find_all_certs(leaf.subject_dn(), {}),
                                 [&leaf](const auto& c) { return dereference(c) == leaf; });
    });
  }

  static Botan::Path_Validation_Restrictions restrictions() {
    return Botan::Path_Validation_Restrictions(false, min_key_strength);
  }

  // For a pinned certificate, dates, purpose and key are checked; its signature and issuer do not
  // matter.
  static status check_pinned(const Botan::X509_Certificate& leaf) {
    const Botan::X509_Time now(std::chrono::system_clock::now());
    if (now < leaf.not_before()) return status::CERT_NOT_YET_VALID;
    if (now > leaf.not_after()) return status::CERT_HAS_EXPIRED;
    if (!leaf.allowed_usage(Botan::Usage_Type::TLS_SERVER_AUTH)) return status::INVALID_USAGE;
    const std::unique_ptr<Botan::Public_Key> key(leaf.subject_public_key());
    const bool is_strong = key->estimated_strength() >= min_key_strength;
    return is_strong ? status::VERIFIED : status::SIGNATURE_METHOD_TOO_WEAK;
  }

  [[nodiscard]] status check_path(const chain& certificates) const {
    std::vector<store*> trusted;
    trusted.reserve(stores_.size());
    for (const auto& held : stores_) trusted.push_back(held.get());
    const auto result = Botan::x509_path_validate(certificates, restrictions(), trusted, "",
                                                  Botan::Usage_Type::TLS_SERVER_AUTH);
    return without_warning(result.result());
  }

  static status without_warning(status code) {
    return code < status::FIRST_ERROR_STATUS ? status::VERIFIED : code;
  }

  static std::error_code error_of(status code, const Botan::X509_Certificate& leaf) {
    switch (code) {
      case status::CERT_NOT_YET_VALID: return errc::certificate_not_yet_valid;
      case status::CERT_HAS_EXPIRED: return errc::certificate_expired;
      case status::CERT_ISSUER_NOT_FOUND:
      case status::CANNOT_ESTABLISH_TRUST:
      case status::CHAIN_LACKS_TRUST_ROOT:
        return leaf.is_self_signed() ? errc::certificate_self_signed : errc::certificate_untrusted;
      case status::INVALID_USAGE: return errc::certificate_wrong_usage;
      case status::SIGNATURE_METHOD_TOO_WEAK:
      case status::UNTRUSTED_HASH: return errc::certificate_too_weak;
      default: return errc::certificate_invalid;
    }
  }

  static bool is_for(const Botan::X509_Certificate& leaf, std::string_view host) {
    const auto oid = Botan::Cert_Extension::Subject_Alternative_Name::static_oid();
    const Botan::Extensions& extensions = leaf.v3_extensions();
    std::vector<std::uint8_t> bits;
    if (extensions.extension_set(oid)) bits = extensions.get_extension_bits(oid);
    const auto names = bits.empty() ? alt_names() : read_alt_names(bits);
    if (!names) return false;
    const auto common_names = leaf.subject_info("Name");
    if (common_names.empty()) return is_for_host(host, *names, "");
    return std::ranges::any_of(common_names, [&](const std::string& common_name) {
      return is_for_host(host, *names, common_name);
    });
  }

  std::vector<std::shared_ptr<store>> stores_;
};

}  // namespace rathole::tls
