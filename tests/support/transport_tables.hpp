#pragma once

#include "authority.hpp"
#include "our_program.hpp"
#include "tunnel.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace rathole::test {

/// The tables of a transport, for both ends.
struct transport_tables {
  std::string name;
  std::string server;
  std::string client;
};

/// Returns TCP without a layer.
inline transport_tables tcp() { return {"tcp", {}, {}}; }

/// `[server.transport]` or `[client.transport]`, and the transport's own table with `keys`.
inline std::string table_text(std::string_view block, std::string_view type,
                              std::string_view keys) {
  const std::string head = "[" + std::string(block) + ".transport";
  return head + "]\ntype = \"" + std::string(type) + "\"\n" + head + "." + std::string(type) +
         "]\n" + std::string(keys) + "\n";
}

/// Two pairs of X25519 keys for Noise: fixed test keys, not secret.
inline constexpr std::string_view first_private_key =
    "MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM=";
inline constexpr std::string_view first_public_key = "ew1H2TQn+DERYHgcfHM/2J+IlwrvSQ2KoO4ZpMuKGxQ=";
inline constexpr std::string_view second_private_key =
    "REREREREREREREREREREREREREREREREREREREREREQ=";
inline constexpr std::string_view second_public_key =
    "/y7kVgHsG2cxDHeQQEWFrmlzMe7hwfjPJBlzHB//Pms=";

/// Returns Noise, where each side has the keys that `pattern` requires.
inline transport_tables noise(const std::string& pattern) {
  // The pattern's first letter is about the client's key, the second about the server's: N none, K
  // known beforehand, X and I sent.
  const char client = pattern.at(6);
  const char server = pattern.at(7);
  const auto key = [](const char* name, std::string_view value) {
    return std::string(name) + " = \"" + std::string(value) + "\"\n";
  };
  std::string of_server = key("pattern", pattern);
  std::string of_client = of_server;
  if (server != 'N') of_server += key("local_private_key", first_private_key);
  if (server == 'K') of_client += key("remote_public_key", first_public_key);
  if (client != 'N') of_client += key("local_private_key", second_private_key);
  if (client == 'K') of_server += key("remote_public_key", second_public_key);
  return {pattern, table_text("server", "noise", of_server),
          table_text("client", "noise", of_client)};
}

/// Returns WebSocket without TLS.
inline transport_tables websocket() {
  return {"websocket", table_text("server", "websocket", "tls = false"),
          table_text("client", "websocket", "tls = false")};
}

/// Returns the TLS engines of the program under test.
inline std::vector<std::string> tls_engines() {
  if (has_feature("openssl")) return {"botan", "openssl"};
  MESSAGE("without the engine openssl, which is not built in");
  return {"botan"};
}
inline std::string engine_key(const std::string& engine) { return "engine = \"" + engine + "\"\n"; }

/// Returns Noise with an engine for each end.
inline transport_tables noise_by(const std::string& pattern, const std::string& server_engine,
                                 const std::string& client_engine) {
  transport_tables made = noise(pattern);
  made.name += " by " + server_engine + " and " + client_engine;
  made.server += engine_key(server_engine);
  made.client += engine_key(client_engine);
  return made;
}

/// Returns the keys of `[client.transport.tls]` for servers with a certificate by `issuer`.
inline std::string trust_in(const authority& issuer) {
  return "hostname = \"localhost\"\ntrusted_root = \"" + issuer.root() + "\"\n";
}
/// Returns the keys of `[server.transport.tls]` for an identity in PKCS#12, or in PEM.
inline std::string pkcs12_keys(const std::string& file) {
  return "pkcs12 = \"" + file + "\"\npkcs12_password = \"secret\"\n";
}
inline std::string pem_keys(const identity_files& files) {
  return "cert = \"" + files.certificate + "\"\nkey = \"" + files.key + "\"\n";
}

/// Returns TLS with the keys of both tables.
inline transport_tables tls(const std::string& name, const std::string& server_keys,
                            const std::string& client_keys) {
  return {name, table_text("server", "tls", server_keys), table_text("client", "tls", client_keys)};
}
/// Returns WebSocket over TLS with the keys of both tls tables.
inline transport_tables websocket_over_tls(const std::string& name, const std::string& server_keys,
                                           const std::string& client_keys) {
  transport_tables made = websocket();
  made.name = name;
  for (auto [text, block, keys] : {std::tuple{&made.server, "server", &server_keys},
                                   std::tuple{&made.client, "client", &client_keys}}) {
    text->replace(text->find("tls = false"), 11, "tls = true");
    *text += "[" + std::string(block) + ".transport.tls]\n" + *keys;
  }
  return made;
}

/// Returns `by` with a client that multiplexes over `connections` connections.
inline transport_tables multiplexed(transport_tables by, int connections = 1) {
  by.name += ", multiplexed over " + std::to_string(connections);
  if (by.client.empty()) by.client = "[client.transport]\ntype = \"tcp\"\n";
  const std::string_view head = "[client.transport]\n";
  by.client.insert(by.client.find(head) + head.size(),
                   "multiplex = true\nconnections = " + std::to_string(connections) + "\n");
  return by;
}

}  // namespace rathole::test
