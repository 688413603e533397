#pragma once

#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/error.hpp>
#include <rathole/io/resolve/host_lookup.hpp>
#include <rathole/protocol/detect_protocol.hpp>
#include <rathole/text/format.hpp>
#include <rathole/websocket/error.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

// The advice at the end of log lines and errors, which says what to check. Each function named
// `..._advice` returns text that begins with "; ", or an empty text.

namespace rathole::text {

/// Says why something failed, and what to do about it.
struct explanation {
  /// What failed, and why.
  std::string what;
  /// What to check or to change: text that begins with "; ", or an empty text.
  std::string advice = {};

  /// Returns the advice as a text of its own.
  [[nodiscard]] std::string remedy() const {
    return advice.starts_with("; ") ? advice.substr(2) : advice;
  }
};

/// Returns both parts in one line.
inline std::string to_string(const explanation& both) { return both.what + both.advice; }

/// Says how a server refused to multiplex because of `error`.
inline std::string refusal_reason(const std::error_code& error) {
  const bool is_closed = error == errc::end_of_stream || error == errc::truncated ||
                         error == std::errc::connection_reset || error == std::errc::broken_pipe;
  if (is_closed) return "it closed the connection, as versions without multiplexing do";
  if (error == errc::timed_out) return "it did not answer in time";
  return error.message();
}

/// Explains that a server refused to multiplex because of `error`.
inline explanation explain_multiplexing_refusal(const std::error_code& error) {
  return {"the server does not multiplex: " + refusal_reason(error),
          "; the tunnel works, with a connection for each channel. Update the server, or remove "
          "`client.transport.multiplex`"};
}

/// Returns advice if `error` says that the process has no descriptor for a listener or a control channel;
/// otherwise an empty text.
inline std::string descriptor_advice(const std::error_code& error) {
  if (error != std::errc::too_many_files_open) return {};
  return "; listeners and control channels leave descriptors for connections and files: raise the "
         "limit of open files (`ulimit -n`, LimitNOFILE= of systemd), or serve fewer ports";
}

/// Returns advice for a Unix-domain socket that cannot be listened on.
inline std::string unix_listen_advice(const std::error_code& error) {
  if (error == std::errc::no_such_file_or_directory) return "; create the folder of the socket";
  if (error == std::errc::permission_denied) {
    return "; let the user of the program write to its folder";
  }
  if (error == std::errc::operation_not_permitted) {
    return "; name a group of which the user of the program is a member, grant CAP_CHOWN, or "
           "remove `owner`";
  }
  if (error == std::errc::address_in_use) {
    return "; another program listens there, or a file that is no socket is in its place";
  }
  return {};
}

/// Returns advice for `where`, which cannot be listened on.
inline std::string listen_advice(const std::error_code& error, const address& where) {
  if (auto advice = descriptor_advice(error); !advice.empty()) return advice;
  if (where.is_unix()) return unix_listen_advice(error);
  if (error == std::errc::permission_denied) {
    return "; run as root, grant CAP_NET_BIND_SERVICE, or choose a port from 1024 on";
  }
  if (error == std::errc::address_in_use) {
    return "; another program or another copy of this one listens there, or has a connection from "
           "that port: end it, or choose another port";
  }
  if (error == std::errc::address_not_available) return "; this machine has no such address";
  if (error == std::errc::address_family_not_supported) return "; this machine has no IPv6";
  if (error == errc::host_not_found || error.category() == io::lookup_category()) {
    return "; write an address of this machine, such as 0.0.0.0";
  }
  return {};
}

/// Returns advice for one of the addresses `all`, which cannot be listened on; it is not known which.
inline std::string listen_advice(const std::error_code& error, const address_list& all) {
  const bool are_unix = !all.empty() && std::ranges::all_of(all, &address::is_unix);
  return listen_advice(error, are_unix ? all.front() : address());
}

/// Returns a sentence that says why a server cannot listen for clients on `wanted`.
inline std::string listen_failure_text(const address_list& wanted, const std::error_code& error) {
  return "Failed to listen at `server.bind_addr` " + escaped(wanted) + ": " + error.message() +
         listen_advice(error, wanted);
}

/// Says why an instance with `settings` could not start.
template <class Block>
std::string start_failure_text(const Block& settings, const std::error_code& error) {
  if constexpr (std::is_same_v<Block, config::server>) {
    return listen_failure_text(settings.bind_addr, error);
  } else {
    return error.message();
  }
}

/// Says how a connection that served ended: in order, which `peer` ("the client") did on purpose,
/// or otherwise.
inline std::string end_text(const std::error_code& error, const std::string& peer) {
  if (error == errc::end_of_stream) return peer + " closed the connection";
  if (error == errc::truncated) {
    return "the connection ended without notice; " + peer +
           " was killed, or something between closed it";
  }
  if (error == std::errc::connection_reset || error == std::errc::broken_pipe) {
    return error.message() + "; " + peer + " was stopped, or something between cut the connection";
  }
  return error.message();
}

/// Returns advice for an address that cannot be reached; `key` names it in the configuration.
inline std::string dial_advice(const std::error_code& error, const std::string& key) {
  if (error == std::errc::connection_refused || error == std::errc::no_such_file_or_directory) {
    return "; nothing listens there: start it, or correct `" + key + '`';
  }
  if (error == std::errc::permission_denied) {
    return "; see the permissions of that socket, or the rules of the firewall, and `" + key + '`';
  }
  if (error.category() == io::lookup_category()) {
    return "; see whether this machine's resolver works (/etc/resolv.conf), or write an IP address "
           "in `" +
           key + '`';
  }
  const bool is_place = error == errc::host_not_found || error == errc::invalid_address ||
                        error == std::errc::host_unreachable ||
                        error == std::errc::network_unreachable ||
                        error == std::errc::address_not_available || error == errc::timed_out ||
                        error == std::errc::timed_out;
  return is_place ? "; see `" + key + '`' : std::string();
}

/// Says which protocol a peer speaks where this side, `where`, has the transport `type`, and which
/// key to check.
inline explanation explain_wire_protocol(const std::error_code& error, config::transport_kind type,
                                         config::side where) {
  const char* spoken = "something else";
  const char* of_peer = nullptr;
  switch (static_cast<protocol::wire_protocol>(error.value())) {
    case protocol::wire_protocol::tls:
      spoken = "TLS";
      of_peer = "tls";
      break;
    case protocol::wire_protocol::http:
      spoken = "HTTP or WebSocket";
      of_peer = "websocket";
      break;
    case protocol::wire_protocol::hello:
      spoken = "rathole's protocol over bare TCP";
      of_peer = "tcp";
      break;
    case protocol::wire_protocol::noise:
      spoken = "what looks like Noise";
      of_peer = "noise";
      break;
    case protocol::wire_protocol::other: break;
  }
  const bool is_server = where == config::side::server;
  const std::string here = is_server ? "server" : "client";
  const std::string there = is_server ? "client" : "server";
  std::string what = "the " + there + " speaks " + spoken + ", but `" + here +
                     ".transport.type` is `" + config::name_of(type) + '`';
  const bool is_same = of_peer != nullptr && std::string_view(of_peer) == config::name_of(type);
  if (type == config::transport_kind::websocket && (is_same || std::string_view(spoken) == "TLS")) {
    return {std::move(what),
            "; `transport.type` and `websocket.tls` must be the same on both sides"};
  }
  return {std::move(what), "; `transport.type` must be the same on both sides"};
}

/// Returns advice on what the two sides must agree on for the handshake of `value`, for a side that
/// cannot tell which part differs.
inline std::string mismatch_advice(const config::transport& value) {
  switch (value.kind) {
    case config::transport_kind::tcp:
      return "; compare `transport.type` (`tcp` here) of both sides";
    case config::transport_kind::tls:
      return "; compare `transport.type` (`tls` here) of both sides, or ask the other side's log";
    case config::transport_kind::noise:
      return "; compare `transport.type` (`noise` here), `noise.pattern` and the keys of both "
             "sides";
    case config::transport_kind::websocket: break;
  }
  return "; compare `transport.type` (`websocket` here), `websocket.tls` and `websocket.path` of "
         "both "
         "sides";
}

/// Returns advice for a Noise handshake in which messages could not be authenticated.
inline std::string noise_advice(config::side where) {
  const std::string other = "; `noise.pattern` must be the same on both sides, and ";
  if (where == config::side::server) {
    return other +
           "`client.transport.noise.remote_public_key` the public key of "
           "`server.transport.noise.local_private_key`";
  }
  return other + "`client.transport.noise.remote_public_key` the public key of the server";
}

/// Returns advice for the client's file if the server's certificate is rejected.
inline std::string certificate_advice(const std::error_code& error) {
  if (error == errc::certificate_wrong_name) return "; see `client.transport.tls.hostname`";
  if (error == errc::certificate_untrusted || error == errc::certificate_self_signed) {
    return "; see `client.transport.tls.trusted_root`";
  }
  if (error == errc::certificate_expired) return "; renew the server's certificate";
  if (error == errc::certificate_not_yet_valid) return "; see whether the clock is right";
  if (error == errc::certificate_wrong_usage) {
    return "; issue the server's certificate for TLS servers (extendedKeyUsage serverAuth, "
           "keyUsage "
           "digitalSignature)";
  }
  if (error == errc::certificate_too_weak) {
    return "; renew the server's certificate with a stronger key, such as P-256 or RSA 2048, and "
           "SHA-256";
  }
  if (error == errc::certificate_unsupported) {
    return "; set `client.transport.tls.engine = \"openssl\"`, or renew the server's certificate "
           "as "
           "X.509 version 3";
  }
  if (error == errc::certificate_invalid) {
    return "; see the chain in the server's `transport.tls.cert` or `pkcs12`, and "
           "`client.transport.tls.trusted_root`";
  }
  return {};
}

}  // namespace rathole::text
