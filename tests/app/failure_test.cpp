#include <rathole/app/log/server_failure.hpp>
#include <rathole/text/client_failure.hpp>

#include <doctest/doctest.h>

#include <netdb.h>

#include <chrono>
#include <string>
#include <system_error>

namespace rathole::app {

using text::failure_text;

namespace {

using config::transport_kind;
using protocol::wire_protocol;
using protocol::wrong_protocol;

const auto refused = std::make_error_code(std::errc::connection_refused);
const auto reset = std::make_error_code(std::errc::connection_reset);

std::string client_text(const std::error_code& error, transport_kind kind,
                        bool with_proxy = false) {
  const address remote{"example.com", 2333};
  config::client settings;
  settings.transport.kind = kind;
  if (with_proxy) {
    settings.transport.tcp.proxy.emplace().host = "proxy.example";
    settings.transport.tcp.proxy->credentials = config::proxy_credentials{"us3r", secret("s3cret")};
  }
  return failure_text(client_side::control_channel_failed{
      "my web", remote, error, std::chrono::seconds(1), false, settings});
}

TEST_CASE("failures: a client's messages name the cause and the key to check") {
  struct row {
    std::error_code error;
    transport_kind kind;
    bool with_proxy;
    std::string expected;
  };
  const std::string handshake = "Failed to handshake with example.com:2333: ";
  const std::string same = "; `transport.type` must be the same on both sides";
  const row rows[] = {
      {std::error_code(EAI_AGAIN, io::lookup_category()), transport_kind::websocket, false,
       "Failed to connect to example.com:2333: the name could not be looked up: " +
           std::string(::gai_strerror(EAI_AGAIN)) +
           "; see whether this machine's resolver works (/etc/resolv.conf), or write an IP address "
           "in `client.remote_addr`"},
      {wrong_protocol(wire_protocol::tls), transport_kind::tcp, false,
       handshake + "the server speaks TLS, but `client.transport.type` is `tcp`" + same},
      {wrong_protocol(wire_protocol::http), transport_kind::noise, false,
       handshake + "the server speaks HTTP or WebSocket, but `client.transport.type` is `noise`" +
           same},
      {wrong_protocol(wire_protocol::tls), transport_kind::websocket, false,
       handshake + "the server speaks TLS, but `client.transport.type` is `websocket`; "
                   "`transport.type` and `websocket.tls` must be the same on both sides"},
      {wrong_protocol(wire_protocol::http), transport_kind::websocket, false,
       handshake +
           "the server speaks HTTP or WebSocket, but `client.transport.type` is "
           "`websocket`; `transport.type` and `websocket.tls` must be the same on both sides"},
      {reset, transport_kind::tcp, false,
       handshake + "connection closed by the peer; compare `transport.type` (`tcp` here) of both "
                   "sides"},
      {errc::closed_in_handshake, transport_kind::noise, false,
       handshake + "connection closed by the peer; compare `transport.type` (`noise` here), "
                   "`noise.pattern` and the keys of both sides"},
      {errc::wrong_public_key, transport_kind::noise, false,
       handshake + "the peer's static key is not the configured `remote_public_key`; "
                   "`noise.pattern` must be the same on both sides, and "
                   "`client.transport.noise.remote_public_key` the public key of the server"},
      {{404, websocket::answer_category()},
       transport_kind::websocket,
       false,
       handshake + "the server answered the upgrade with HTTP 404 Not Found; "
                   "`client.transport.websocket.path` must be that of the server"},
      {errc::certificate_wrong_name, transport_kind::tls, false,
       handshake + "the certificate is for another name; see `client.transport.tls.hostname`"},
      {errc::certificate_wrong_usage, transport_kind::tls, false,
       handshake +
           "the certificate is not for TLS servers, by its key usage or extended key usage; "
           "issue the server's certificate for TLS servers (extendedKeyUsage serverAuth, "
           "keyUsage digitalSignature)"},
      {errc::certificate_too_weak, transport_kind::tls, false,
       handshake + "the certificate or its chain has a weak key or signature (RSA under 2048 bits, "
                   "SHA-1); renew the server's certificate with a stronger key, such as P-256 or "
                   "RSA 2048, and SHA-256"},
      {errc::certificate_unsupported, transport_kind::websocket, false,
       handshake +
           "the certificate is of a form that the TLS engine does not accept (X.509 version "
           "1); set `client.transport.tls.engine = \"openssl\"`, or renew the server's "
           "certificate as X.509 version 3"},
      {errc::certificate_invalid, transport_kind::tls, false,
       handshake +
           "the certificate is not valid; see the chain in the server's `transport.tls.cert` "
           "or `pkcs12`, and `client.transport.tls.trusted_root`"},
      {proxy::unreachable(refused), transport_kind::tcp, true,
       "Failed to connect to the proxy proxy.example:1080: Connection refused; see "
       "`client.transport.tcp.proxy`"},
      {{5, proxy::socks5_category()},
       transport_kind::tcp,
       true,
       "Failed to connect to example.com:2333 through the proxy proxy.example:1080: the proxy "
       "answered: connection refused (SOCKS5 reply 5); see `client.remote_addr` and "
       "`client.transport.tcp.proxy`"},
      {proxy::unreachable(errc::timed_out), transport_kind::tcp, true,
       "No answer from the proxy proxy.example:1080: timed out; it does not speak `socks5`, or "
       "does "
       "not reach example.com:2333: see `client.transport.tcp.proxy` and `client.remote_addr`"},
      {errc::malformed_proxy_answer, transport_kind::tls, true,
       "Failed to connect to the proxy proxy.example:1080: malformed answer from the proxy; it "
       "does "
       "not speak `socks5`: see `client.transport.tcp.proxy`"},
      {{400, websocket::answer_category()},
       transport_kind::websocket,
       false,
       handshake + "the server answered the upgrade with HTTP 400 Bad Request; what answers at "
                   "`client.remote_addr` expects TLS, or takes no WebSocket at "
                   "`client.transport.websocket.path`: see `client.transport.websocket.tls` and "
                   "`path`"},
      {{502, websocket::answer_category()},
       transport_kind::websocket,
       false,
       handshake +
           "the server answered the upgrade with HTTP 502 Bad Gateway; a web server answers "
           "at `client.remote_addr` and does not reach the rathole server behind it: see "
           "whether that runs, and the web server's log"},
      {errc::service_not_exist, transport_kind::tcp, false,
       "Authentication failed: my web: Service not exist; the server has no "
       "`[server.services.\"my web\"]`"},
  };
  for (const row& each : rows) {
    CHECK(client_text(each.error, each.kind, each.with_proxy) == each.expected);
  }
}

TEST_CASE("failures: every certificate error names a remedy") {
  const std::string none = client_text(errc::tls_handshake_failed, transport_kind::tls);
  CHECK(none.ends_with(make_error_code(errc::tls_handshake_failed).message()));
  for (int each = static_cast<int>(errc::certificate_wrong_name);
       each <= static_cast<int>(errc::certificate_unsupported); ++each) {
    const std::error_code error = static_cast<errc>(each);
    CAPTURE(error.message());
    CHECK(client_text(error, transport_kind::tls).contains(error.message() + "; "));
  }
}

TEST_CASE("failures: a server's messages name the cause and the key to check") {
  struct row {
    std::error_code error;
    transport_kind kind;
    bool is_misconfiguration;
    std::string expected;
  };
  const row rows[] = {
      {wrong_protocol(wire_protocol::noise), transport_kind::tcp, true,
       "the client speaks what looks like Noise, but `server.transport.type` is `tcp`; "
       "`transport.type` must be the same on both sides"},
      {wrong_protocol(wire_protocol::hello), transport_kind::tls, true,
       "the client speaks rathole's protocol over bare TCP, but `server.transport.type` is `tls`; "
       "`transport.type` must be the same on both sides"},
      {errc::decryption_failed, transport_kind::noise, true,
       "a message could not be authenticated; `noise.pattern` must be the same on both sides, and "
       "`client.transport.noise.remote_public_key` the public key of "
       "`server.transport.noise.local_private_key`"},
      {{404, websocket::refusal_category()},
       transport_kind::websocket,
       true,
       "the upgrade was refused with HTTP 404 Not Found; `websocket.path` of the client must be "
       "`server.transport.websocket.path`"},
      {tls::alert::unknown_ca, transport_kind::tls, true,
       "the peer ended TLS: unknown_ca (48): it does not trust our certificate's issuer; the "
       "client "
       "does not accept the certificate of `server.transport.tls`: see its `trusted_root` and "
       "`hostname`"},
      {tls::alert::certificate_expired, transport_kind::tls, true,
       make_error_code(tls::alert::certificate_expired).message() +
           "; renew the certificate of `server.transport.tls`, or set the clock of the client"},
      {tls::alert::handshake_failure, transport_kind::tls, true,
       "the peer ended TLS: handshake_failure (40): no TLS version, cipher suite or kind of key in "
       "common"},
      {errc::closed_in_handshake, transport_kind::noise, false,
       "connection closed by the peer in the handshake"},
      {errc::timed_out, transport_kind::noise, false, "timed out"},
      {reset, transport_kind::tcp, false, reset.message()},
      {errc::malformed_message, transport_kind::tcp, false, "malformed message"},
  };
  const address peer{"192.0.2.7", 1};
  for (const row& each : rows) {
    config::server settings;
    settings.transport.kind = each.kind;
    CHECK(failure_text(server_side::handshake_failed{peer, each.error, settings}) == each.expected);
    CHECK(is_misconfiguration(each.error) == each.is_misconfiguration);
  }
}

TEST_CASE("failures: advice for each reason why an address cannot be bound") {
  const auto advice = [](std::error_code why) { return listen_advice(why, address("0.0.0.0:80")); };
  CHECK(advice(std::make_error_code(std::errc::permission_denied)) ==
        "; run as root, grant CAP_NET_BIND_SERVICE, or choose a port from 1024 on");
  CHECK(advice({EADDRINUSE, std::system_category()}).contains("another program"));
  CHECK(advice({EADDRNOTAVAIL, std::system_category()}).contains("no such address"));
  CHECK(advice({EAFNOSUPPORT, std::system_category()}).contains("IPv6"));
  CHECK(advice(errc::stopped).empty());
}

TEST_CASE("failures: advice for each reason why a Unix-domain socket cannot be listened on") {
  const auto advice = [](std::error_code why) {
    return listen_advice(why, address("unix:/run/w"));
  };
  CHECK(advice({EACCES, std::system_category()}) ==
        "; let the user of the program write to its folder");
  CHECK(advice({ENOENT, std::system_category()}) == "; create the folder of the socket");
  CHECK(advice({EPERM, std::system_category()}).contains("`owner`"));
  CHECK(advice({EADDRINUSE, std::system_category()}).contains("a file that is no socket"));
  CHECK(advice(errc::stopped).empty());
}

TEST_CASE("failures: each refusal belongs to one kind") {
  using server_side::refusal;
  const std::pair<std::error_code, refusal> rows[] = {
      {wrong_protocol(wire_protocol::tls), refusal::other_transport},
      {errc::decryption_failed, refusal::wrong_noise_key},
      {errc::wrong_public_key, refusal::wrong_noise_key},
      {tls::alert::unknown_ca, refusal::tls_failed},
      {errc::tls_handshake_failed, refusal::tls_failed},
      {errc::tls_nothing_in_common, refusal::tls_failed},
      {errc::not_tls, refusal::tls_failed},
      {{404, websocket::refusal_category()}, refusal::upgrade_refused},
      {errc::malformed_http, refusal::not_the_protocol},
      {errc::closed_in_handshake, refusal::closed_early},
      {errc::end_of_stream, refusal::closed_early},
      {reset, refusal::closed_early},
      {errc::unknown_session, refusal::unknown_session},
  };
  for (const auto& [error, kind] : rows) {
    CAPTURE(error.message());
    CHECK(server_side::refusal_of(error) == kind);
  }
}

}  // namespace
}  // namespace rathole::app
