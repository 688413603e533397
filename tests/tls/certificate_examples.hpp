#pragma once

#include "botan_pair.hpp"

#include <rathole/tls/alert.hpp>

#include <string_view>
#include <system_error>
#include <vector>

namespace rathole::test {

/// Describes what a server presents to a client, and the client's verdict.
struct certificate_example {
  const char* what;
  tls::trust trust;
  tls::identity shown;
  std::string_view host;
  /// The client's error; nothing if it accepts the server.
  std::error_code error;
  /// The alert that the server receives.
  tls::alert alert;
};

inline std::vector<certificate_example> certificate_examples() {
  const auto other = make_authority("Another root");
  const auto middle =
      issued_by(test_root(), {.common_name = "Middle", .dns = {}, .is_authority = true});
  auto cut_chain = issued_by(middle, {});
  const auto whole_chain = cut_chain;
  cut_chain.certificates.resize(1);
  const auto own = self_signed({});
  const auto old = issued_by(test_root(), {.from_day = -3, .until_day = -2});
  auto forged = issued_by(test_root(), {});
  forged.certificates.front().back() ^= 1;

  const auto trusted = trust_in(test_root());
  const std::error_code fine;
  const auto none = tls::alert::close_notify;
  const auto bad = tls::alert::bad_certificate;
  const auto unknown = tls::alert::unknown_ca;
  const auto expired = tls::alert::certificate_expired;
  return {
      {"by its name", trusted, issued_by(test_root(), {}), "server.test", fine, none},
      {"by its name in capitals", trusted, issued_by(test_root(), {}), "SERVER.test", fine, none},
      {"by an intermediate", trusted, whole_chain, "server.test", fine, none},
      {"by a wildcard", trusted, issued_by(test_root(), {.dns = {"*.example.org"}}),
       "a.example.org", fine, none},
      {"by its common name", trusted,
       issued_by(test_root(), {.common_name = "only.test", .dns = {}}), "only.test", fine, none},
      {"by its address", trusted, issued_by(test_root(), {.ip = "127.0.0.1"}), "127.0.0.1", fine,
       none},
      {"with RSA", trusted, issued_by(test_root(), {.with_rsa = true}), "server.test", fine, none},
      {"self-signed and trusted", trust_in(own), own, "server.test", fine, none},
      {"pinned, though an unknown one signed it", trust_in(cut_chain), cut_chain, "server.test",
       fine, none},
      {"pinned, for another name", trust_in(cut_chain), cut_chain, "other.test",
       errc::certificate_wrong_name, bad},
      {"pinned, and expired", trust_in(old), old, "server.test", errc::certificate_expired,
       expired},
      {"for another name", trusted, issued_by(test_root(), {}), "other.test",
       errc::certificate_wrong_name, bad},
      {"self-signed, trusted, for another name", trust_in(own), own, "other.test",
       errc::certificate_wrong_name, bad},
      {"the common name does not count beside DNS names", trusted,
       issued_by(test_root(), {.common_name = "cn.test"}), "cn.test", errc::certificate_wrong_name,
       bad},
      {"for another address", trusted, issued_by(test_root(), {.ip = "127.0.0.1"}), "127.0.0.2",
       errc::certificate_wrong_name, bad},
      {"an address is not a name", trusted, issued_by(test_root(), {.dns = {"127.0.0.1"}}),
       "127.0.0.1", errc::certificate_wrong_name, bad},
      {"expired", trusted, issued_by(test_root(), {.from_day = -3, .until_day = -2}), "server.test",
       errc::certificate_expired, expired},
      {"not valid yet", trusted, issued_by(test_root(), {.from_day = 2, .until_day = 3}),
       "server.test", errc::certificate_not_yet_valid, expired},
      {"self-signed", trusted, own, "server.test", errc::certificate_self_signed, unknown},
      {"by another root", trust_in(other), issued_by(test_root(), {}), "server.test",
       errc::certificate_untrusted, unknown},
      {"without its intermediate", trusted, cut_chain, "server.test", errc::certificate_untrusted,
       unknown},
      {"with a forged signature", trusted, forged, "server.test", errc::certificate_invalid, bad},
  };
}

}  // namespace rathole::test
