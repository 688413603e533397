#include "../support/http_servers.hpp"
#include "../support/our_program.hpp"
#include "../support/transport_tables.hpp"
#include "../support/tunnel_scenarios.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

pairing ours(const transport_tables& by) {
  return {by.name, our_program(), our_program(), by.server, by.client};
}

/// Returns the output of `openssl s_client` for a handshake with the server at `port`, with
/// additional `options`. The system's configuration is ignored, and the client accepts any protocol
/// version.
std::string s_client(std::uint16_t port, const authority& issuer, const std::string& options,
                     bool brief = true) {
  const std::string command = "exec " + tool("openssl") +
                              (brief ? " s_client -brief" : " s_client") +
                              " -connect 127.0.0.1:" + std::to_string(port) +
                              " -servername localhost -verify_hostname localhost"
                              " -verify_return_error -CAfile " +
                              issuer.root() + " " + options + " < /dev/null";
  process run("/bin/sh", {"-c", command}, {"OPENSSL_CONF=/dev/null"});
  run.wait_exit();
  return run.output();
}

struct handshake {
  const char* options;
  const char* words;
};

TEST_CASE("tls: openssl s_client connects to our server with modern cipher suites only") {
  authority issuer;
  const identity_files ecdsa = issuer.issue();
  identity_spec with_rsa;
  with_rsa.key = {"rsa:2048"};
  const identity_files rsa = issuer.issue(with_rsa);
  const std::vector<handshake> with_ecdsa_key = {
      {"-tls1_2", "Protocol version: TLSv1.2"},
      {"-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
      {"-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"},
      {"-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-CHACHA20-POLY1305"},
      {"-tls1 -cipher DEFAULT:@SECLEVEL=0", "alert protocol version"},
      {"-tls1_1 -cipher DEFAULT:@SECLEVEL=0", "alert protocol version"},
      {"-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0", "alert handshake failure"},
  };
  const std::vector<handshake> with_rsa_key = {
      {"-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"},
      {"-tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"},
      {"-tls1_2 -cipher ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"},
      {"-tls1_2 -groups X25519", "Temp Key: X25519"},
      {"-tls1_2 -groups P-256", "Temp Key: ECDH, prime256v1"},
      {"-tls1_2 -groups P-384", "Temp Key: ECDH, secp384r1"},
      {"-tls1_2 -groups P-521", "Temp Key: ECDH, secp521r1"},
      {"-tls1_2 -cipher ECDHE-RSA-AES128-SHA:@SECLEVEL=0", "alert handshake failure"},
      {"-tls1_2 -cipher AES256-SHA256:@SECLEVEL=0", "alert handshake failure"},
      {"-tls1_2 -cipher AES128-GCM-SHA256:@SECLEVEL=0", "alert handshake failure"},
      {"-tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0", "alert handshake failure"},
  };
  for (const std::string& engine : tls_engines()) {
    CAPTURE(engine);
    for (const auto& [identity, expected] :
         {std::pair{&ecdsa, &with_ecdsa_key}, std::pair{&rsa, &with_rsa_key}}) {
      tunnel t(ours(tls(engine, pem_keys(*identity) + engine_key(engine), {})));
      t.start_server();
      INFO(t.logs());
      REQUIRE(eventually([&] { return !refused(t.port()); }));
      for (const auto& [options, words] : *expected) {
        CAPTURE(options);
        const std::string report = s_client(t.port(), issuer, options);
        CAPTURE(report);
        CHECK(report.find(words) != report.npos);
      }
      // The groups are the library's own choice.
      if (engine == "openssl")
        CHECK(s_client(t.port(), issuer, "-tls1_3 -groups X448").find("Temp Key: X448") !=
              std::string::npos);
      if (engine == "openssl")
        for (const std::string suite :
             {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"})
          CHECK(s_client(t.port(), issuer, "-tls1_3 -ciphersuites " + suite)
                    .find("Ciphersuite: " + suite) != std::string::npos);
    }
  }
}

TEST_CASE("tls: openssl s_client resumes its session with our server") {
  authority issuer;
  for (const std::string& engine : tls_engines()) {
    tunnel t(ours(tls(engine, pem_keys(issuer.issue()) + engine_key(engine), {})));
    t.start_server();
    INFO(t.logs());
    REQUIRE(eventually([&] { return !refused(t.port()); }));
    const temp_dir folder;
    const std::string ticket = (folder.path() / "session").string();
    const std::string first = s_client(t.port(), issuer, "-tls1_2 -sess_out " + ticket, false);
    CHECK(first.find("New, TLSv1.2") != first.npos);
    const std::string second = s_client(t.port(), issuer, "-tls1_2 -sess_in " + ticket, false);
    CHECK(second.find("Reused, TLSv1.2") != second.npos);
  }
}

/// `openssl s_server` with additional `options`.
struct s_server : server_program {
  s_server(const identity_files& identity, const std::vector<std::string>& options) {
    std::vector<std::string> arguments = {"OPENSSL_CONF=/dev/null",
                                          tool("openssl"),
                                          "s_server",
                                          "-rev",
                                          "-accept",
                                          "127.0.0.1:" + std::to_string(port()),
                                          "-cert",
                                          identity.certificate,
                                          "-key",
                                          identity.key};
    arguments.insert(arguments.end(), options.begin(), options.end());
    start("env", arguments);
  }
};

TEST_CASE("tls: our client connects to openssl s_server with modern cipher suites only") {
  authority issuer;
  const identity_files identity = issuer.issue();
  identity_spec with_rsa;
  with_rsa.key = {"rsa:2048"};
  const identity_files rsa = issuer.issue(with_rsa);
  struct expectation {
    const identity_files* identity;
    std::vector<std::string> options;
    /// Returns what the server logs about the handshake, or our client about its failure.
    const char* server_words;
    const char* client_words;
  };
  const std::vector<expectation> expected = {
      {&identity, {"-tls1_2"}, "Protocol version: TLSv1.2", ""},
      {&rsa, {"-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"}, "ECDHE-RSA-AES256", ""},
      {&identity, {"-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"}, "", "protocol_version"},
      {&identity, {"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"}, "", "handshake_failure"},
      {&rsa, {"-tls1_2", "-cipher", "AES128-GCM-SHA256"}, "", "handshake_failure"},
  };
  for (const std::string& engine : tls_engines())
    for (const auto& [files, options, server_words, client_words] : expected) {
      CAPTURE(options.back());
      s_server server(*files, options);
      tunnel t(ours(tls(engine, {}, trust_in(issuer) + engine_key(engine))));
      const reserved_port unused_port;
      t.add("echo", unused_port);
      t.remote_port = server.port();
      t.start_client();
      INFO(t.logs());
      CHECK(eventually([&] {
        return server.output().find(server_words) != std::string::npos &&
               t.client->output().find(client_words) != std::string::npos;
      }));
    }
}

TEST_CASE("tls: through HAProxy, which terminates the client's TLS") {
  authority issuer;
  for (const std::string& engine : tls_engines()) {
    service local(echo);
    tunnel t(ours({engine, {}, tls({}, {}, trust_in(issuer) + engine_key(engine)).client}));
    haproxy front(haproxy::mode::tcp, t.port(), issuer.issue());
    t.remote_port = front.port();
    const std::uint16_t port = t.add("echo", local.port());
    t.start_server_first();
    INFO(t.logs(), front.output());
    REQUIRE(eventually([&] { return answered(port); }));
    visitor_crowd visitors(scenario::crowd_size, 1 << 18, 78, end_of_sending::after_answer);
    CHECK(visitors.visit(port, std::chrono::seconds{60}) == "");
  }
}
TEST_CASE("tls: through HAProxy, which speaks TLS to our server") {
  authority issuer;
  const std::string own = pem_keys(issuer.issue());
  for (const std::string& engine : tls_engines()) {
    service local(echo);
    tunnel t(ours({engine, tls({}, own + engine_key(engine), {}).server, {}}));
    haproxy front(
        haproxy::mode::tcp, t.port(), {},
        "ssl verify required verifyhost localhost sni str(localhost) ca-file " + issuer.root());
    t.remote_port = front.port();
    const std::uint16_t port = t.add("echo", local.port());
    t.start_server_first();
    INFO(t.logs(), front.output());
    REQUIRE(eventually([&] { return answered(port); }));
    visitor_crowd visitors(scenario::crowd_size, 1 << 18, 79, end_of_sending::after_answer);
    CHECK(visitors.visit(port, std::chrono::seconds{60}) == "");
  }
}

TEST_CASE("tls: each certificate fault has its own message") {
  authority issuer;
  authority stranger;
  const std::vector<identity_files> chained = issuer.issue_through_intermediate();
  struct fault {
    const char* name;
    identity_files identity;
    const char* words;
  };
  const std::vector<fault> faults = {
      {"another name", issuer.issue({.names = "DNS:else.test"}), "is for another name"},
      {"any name above", issuer.issue({.names = "DNS:*"}), "is for another name"},
      {"no name", issuer.issue({.names = "IP:127.0.0.1"}), "is for another name"},
      {"expired", issuer.issue({.until = "210101"}), "has expired"},
      {"too early", issuer.issue({.since = "480101"}), "is not valid yet"},
      {"self-signed", issuer.self_signed(), "is self-signed and not trusted"},
      {"another issuer", stranger.issue(), "issuer is not trusted"},
      {"a chain cut short", chained.at(1), "issuer is not trusted"},
  };
  for (const std::string& engine : tls_engines())
    for (const auto& [name, identity, words] : faults) {
      CAPTURE(name);
      service local(echo);
      tunnel t(ours(tls(engine, pem_keys(identity), trust_in(issuer) + engine_key(engine))));
      t.add("echo", local.port());
      t.start_server_first();
      INFO(t.logs());
      CHECK(t.client->wait_for(words));
      CHECK(t.client->output().find("Control channel established") == std::string::npos);
    }
}

TEST_CASE(
    "tls: chains, wildcards, IP addresses and trusted self-signed certificates are accepted") {
  authority issuer;
  const std::string root_only = "trusted_root = \"" + issuer.root() + "\"\n";
  for (const std::string& engine : tls_engines()) {
    scenario::echo_once(ours(tls(engine, pem_keys(issuer.issue_through_intermediate().at(0)),
                                 trust_in(issuer) + engine_key(engine))));
    scenario::echo_once(
        ours(tls(engine, pem_keys(issuer.issue({.names = "DNS:*.tunnel.test"})),
                 root_only + "hostname = \"a.tunnel.test\"\n" + engine_key(engine))));
    // A self-signed certificate that is trusted directly.
    const identity_files own = issuer.self_signed();
    scenario::echo_once(ours(tls(engine, pem_keys(own),
                                 "hostname = \"localhost\"\ntrusted_root = \"" + own.certificate +
                                     "\"\ntrusted_root_only = true\n" + engine_key(engine))));
    // Without `hostname`, the certificate must be for the host of `remote_addr`.
    scenario::echo_once(ours(tls(engine, pem_keys(issuer.issue({.names = "IP:127.0.0.1"})),
                                 root_only + engine_key(engine))));
  }
}

TEST_CASE("tls: pinned certificates of any form and algorithm are accepted by default") {
  if (!has_feature("openssl")) {
    MESSAGE("skipped: the engine openssl is not built in");
    return;
  }
  const temp_dir folder;
  const auto at = [&folder](const std::string& name) { return (folder.path() / name).string(); };
  const auto pin = [](const identity_files& files) {
    return ours(tls("tls by default", pem_keys(files),
                    "hostname = \"localhost\"\ntrusted_root = \"" + files.certificate + "\"\n"));
  };
  for (const std::vector<std::string>& key :
       {std::vector<std::string>{"ed25519"}, {"rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"}}) {
    CAPTURE(key.front());
    const identity_files files{at(key.front() + ".crt"), at(key.front() + ".key")};
    std::vector<std::string> arguments = {"req",
                                          "-x509",
                                          "-noenc",
                                          "-subj",
                                          "/CN=localhost",
                                          "-addext",
                                          "subjectAltName = DNS:localhost",
                                          "-keyout",
                                          files.key,
                                          "-out",
                                          files.certificate,
                                          "-newkey"};
    arguments.insert(arguments.end(), key.begin(), key.end());
    run_tool("openssl", arguments);
    scenario::echo_once(pin(files));
  }
  // For key encipherment only, and without a subjectAltName.
  const identity_files files{at("old.crt"), at("old.key")};
  run_tool("openssl", {"req", "-x509", "-noenc", "-subj", "/CN=localhost", "-addext",
                       "keyUsage = keyEncipherment", "-newkey", "rsa:2048", "-keyout", files.key,
                       "-out", files.certificate});
  scenario::echo_once(pin(files));
}

TEST_CASE("tls: a key that is too weak is refused at start by each engine") {
  authority issuer;
  identity_spec weak;
  weak.key = {"rsa:1024"};
  const std::string keys = pem_keys(issuer.issue(weak));
  const temp_dir folder;
  for (const std::string& engine : tls_engines()) {
    const transport_tables by = tls(engine, keys + engine_key(engine), {});
    const std::string file = folder.write("server.toml", server_toml(1, {{"a", 2}}, {}, by.server));
    for (const std::vector<std::string>& arguments : {std::vector{file}, {"--check", file}}) {
      const finished_run run = run_program(arguments);
      CHECK(run.status == 1);
      CHECK(run.all.find(
                "the key of certificate 1 is too weak: RSA with 1024 bits; at least 2048 are "
                "required") != std::string::npos);
    }
  }
}

}  // namespace
}  // namespace rathole::test
