#pragma once

#include <rathole/app/control/answer_json.hpp>
#include <rathole/app/control/tables.hpp>
#include <rathole/version.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace rathole::app::inline RATHOLE_ABI {

/// Returns how many of the servers of a service are up.
inline std::size_t count_up(const nlohmann::ordered_json& servers) {
  const auto is_up = [](const nlohmann::ordered_json& each) {
    return text_of(member_of(each, "state")) == "up";
  };
  return static_cast<std::size_t>(std::ranges::count_if(servers, is_up));
}

/// Returns the row of a service: name, type, state, addresses, peer, and what is carried.
inline std::vector<std::string> service_row(const nlohmann::ordered_json& of) {
  const nlohmann::ordered_json& down = member_of(of, "down_addresses");
  std::string addresses;
  for (const nlohmann::ordered_json& one : member_of(of, "addresses")) {
    addresses += (addresses.empty() ? "" : " ") + text_of(one);
    if (std::ranges::find(down, one) != down.end()) addresses += " (down)";
  }
  const std::size_t clients = member_of(of, "clients").size();
  std::string peer =
      clients > 1 ? std::to_string(clients) + " clients" : text_of(member_of(of, "peer"));
  if (peer.empty()) peer = "-";
  if (const nlohmann::ordered_json& servers = member_of(of, "servers");
      servers.is_array() && servers.size() > 1) {
    peer += " (" + std::to_string(count_up(servers)) + " of " + std::to_string(servers.size()) +
            " servers)";
  }
  std::vector<std::string> out{text_of(member_of(of, "name")), text_of(member_of(of, "type")),
                               text_of(member_of(of, "state")), std::move(addresses),
                               std::move(peer)};
  const nlohmann::ordered_json& udp = member_of(of, "udp");
  const nlohmann::ordered_json& counted =
      udp.is_object() ? member_of(udp, "datagrams") : member_of(of, "bytes");
  out.push_back(std::to_string(number_of(udp.is_object()
                                             ? member_of(udp, "visitors")
                                             : member_of(member_of(of, "connections"), "active"))));
  for (const char* const direction : {"received", "sent"}) {
    const std::uint64_t value = number_of(member_of(counted, direction));
    out.push_back(udp.is_object() ? std::to_string(value) : bytes_text(value));
  }
  return out;
}

/// Returns a line for each server on which a service of a client is down, or that it has left for another
/// one, and a line if the service is down for another reason.
inline std::vector<std::string> down_lines(const nlohmann::ordered_json& of) {
  const std::string name = text_of(member_of(of, "name"));
  const std::string reason = text_of(member_of(of, "reason"));
  std::vector<std::string> out;
  bool is_explained = text_of(member_of(of, "state")) == "up";
  const nlohmann::ordered_json& servers = member_of(of, "servers");
  for (const nlohmann::ordered_json& one : servers) {
    const std::string why = text_of(member_of(one, "reason"));
    if (servers.size() < 2 || why.empty()) continue;
    const bool is_down = text_of(member_of(one, "state")) == "down";
    out.push_back(name + (is_down ? " is down at " : " has left ") +
                  text_of(member_of(one, "server")) + ": " + why);
    is_explained = is_explained || (is_down && why == reason);
  }
  if (!is_explained) out.push_back(name + " is down: " + reason);
  return out;
}

/// Returns the row of one of several clients of a service.
inline std::vector<std::string> client_row(const nlohmann::ordered_json& of) {
  const nlohmann::ordered_json& skipped = member_of(of, "skipped");
  const bool is_skipped = skipped.is_boolean() && skipped.get<bool>();
  return {"",
          "",
          is_skipped ? "skipped" : "",
          "",
          text_of(member_of(of, "address")),
          std::to_string(number_of(member_of(of, "active"))),
          "",
          ""};
}

}  // namespace rathole::app::inline RATHOLE_ABI
