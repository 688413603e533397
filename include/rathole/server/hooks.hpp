#pragma once

#include <rathole/core/address.hpp>
#include <rathole/protocol/authenticate.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::server_side {

/// Decides whether a server accepts a visitor of a TCP service: it gets the service's name and the
/// visitor's address, and returns true to accept it. It is called before the server uses anything
/// of the visitor or sends anything to the client. A visitor that is not accepted is reset and
/// reported as `visitor_refused` with `errc::visitor_rejected`.
///
/// It is called on the control plane, which does nothing else meanwhile. If it throws, the visitor
/// is refused. Visitors of UDP services and those of `basic_server::connect` are not subject to it.
using visitor_filter = std::move_only_function<bool(std::string_view service, const address&)>;

/// A client that asks to serve a service, for an `authenticator`.
struct authentication_request {
  /// Makes the request of the client at `from` for the service `name`. `end` is requested when the
  /// answer is no longer of use.
  authentication_request(std::string name, address from, const protocol::client_proof& sent,
                         std::stop_token end)
      : service(std::move(name)), client(std::move(from)), proof(sent), ended(std::move(end)) {}

  /// The name of the service, which is one of the settings.
  std::string service;
  /// The address of the client.
  address client;
  /// What the client sent: `proof.matches(token)` says whether it knows `token`.
  protocol::client_proof proof;
  /// The token that is requested, on the control plane, when the answer is no longer of use: the client has gone,
  /// its time has passed, or the server stops.
  std::stop_token ended;
};

/// The answer of an `authenticator`: true if the client may serve the service. It may be given at
/// any time and on any thread, and counts once. If it is destroyed without one, the client is
/// refused.
using authentication_answer = std::move_only_function<void(bool)>;

/// Decides whether a client may serve a service, instead of the token in the settings. It is called
/// on the control plane with each client that asks for a service of the settings and has sent its
/// proof; it must not block, and answers now or later. If it throws, the client is refused.
///
/// The client's handshake deadline still applies, and until the answer the client counts as one of
/// `max_handshakes`. A refused client is reported as `authentication_failed`. An authenticator that
/// does not examine `proof` accepts everybody who can reach the port.
using authenticator = std::move_only_function<void(authentication_request, authentication_answer)>;

/// Functions of the program that a server asks for decisions. Empty ones cost nothing. They are
/// called on the control plane, and must be valid as long as the server's operations.
struct server_hooks {
  /// Accepts or refuses visitors; all are accepted if it is empty.
  visitor_filter accepts_visitor;
  /// Authenticates clients; they must know the service's token if it is empty.
  authenticator authenticate;
  /// Whether every new visitor is refused, those of TCP services with `errc::draining`; the ones that are
  /// known are served on. Null means false. Any thread may change the value.
  std::shared_ptr<const std::atomic<bool>> draining;
};

}  // namespace rathole::server_side
