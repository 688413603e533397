#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::admin {

/// What is known about a service of a client on one of its servers.
struct server_statistics {
  /// What the client does there.
  enum class activity {
    /// It does not try, because it holds its services on another server, or has only begun.
    unused,
    /// There is a control channel.
    up,
    /// The last attempt failed, or the control channel broke.
    down
  };
  /// The address of the server, as the settings name it.
  std::string server = {};
  /// What the client does there.
  activity state = activity::unused;
  /// Why the last attempt failed, or the control channel broke; empty if that did not happen.
  std::string reason = {};
  /// The address that answered; empty while it is not up.
  std::string peer = {};
  /// Whether the client goes on to another server because it is down.
  bool is_left = false;
};

/// Returns the servers `configured`, with what `known` says of those that remain.
inline std::vector<server_statistics> kept_servers(const std::vector<server_statistics>& known,
                                                   const std::vector<std::string>& configured) {
  std::vector<server_statistics> out;
  for (const std::string& each : configured) {
    const auto found = std::ranges::find(known, each, &server_statistics::server);
    out.push_back(found == known.end() ? server_statistics{.server = each} : *found);
  }
  return out;
}

/// Records `now` in `all`, unless that does not have the server.
inline void set_server(std::vector<server_statistics>& all, server_statistics now) {
  const auto found = std::ranges::find(all, now.server, &server_statistics::server);
  if (found != all.end()) *found = std::move(now);
}

/// Records that one of `all` is up: those that the client has left are not used until that breaks.
inline void forget_left(std::vector<server_statistics>& all) {
  for (server_statistics& each : all) {
    if (std::exchange(each.is_left, false)) each.state = server_statistics::activity::unused;
  }
}

/// Returns the address that `server` has answered from; empty while it is not up.
inline std::string peer_of(const std::vector<server_statistics>& all, std::string_view server) {
  const auto found = std::ranges::find(all, server, &server_statistics::server);
  return found == all.end() ? std::string() : found->peer;
}

}  // namespace rathole::admin
