#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/udp_counters.hpp>
#include <rathole/text/advice.hpp>
#include <rathole/text/escape.hpp>
#include <rathole/text/format.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

// The parts that log lines consist of.

namespace rathole::app {

using text::dial_advice;
using text::end_text;
using text::escape;
using text::escaped;
using text::listen_advice;
using text::max_shown_text;
using text::noise_advice;
using text::printable;
using text::service_key;
using text::start_failure_text;
using text::to_text;

/// Returns the context of a log line about a service.
inline std::string service_context(std::string_view service) {
  return "handle{service=" + escape(service) + '}';
}

/// Returns the context of a log line about a connection from `peer`.
inline std::string connection_context(const address& peer) {
  return "connection{addr=" + escaped(peer) + '}';
}

/// Returns the end of a line about a failed attempt that will be repeated after `delay`.
inline std::string retry_text(duration delay) { return ". Retry in " + to_text(delay) + "..."; }

/// Returns a line about the end of the connection `id`: the bytes from the visitor and to it, and
/// why it broke if it did.
inline std::string forward_text(std::uint64_t id, std::uint64_t received, std::uint64_t sent,
                                std::error_code error) {
  std::string text = "Forward " + std::to_string(id) + " ended: " + std::to_string(received) +
                     " bytes from the visitor, " + std::to_string(sent) + " to it";
  if (error) text += ": " + error.message();
  return text;
}

/// Returns a line about lost datagrams, of all those that `since` counts.
inline std::string losses_text(const protocol::udp_counters& since) {
  std::string text =
      "Lost " + std::to_string(since.lost()) + " of " +
      std::to_string(since.sent + since.received + since.queue_full + since.not_admitted()) +
      " datagrams:";
  const char* separator = " ";
  const auto add = [&](std::uint64_t count, const char* why) {
    if (count == 0) return;
    text.append(separator).append(std::to_string(count)).append(" ").append(why);
    separator = ", ";
  };
  add(since.queue_full, "found the queue full");
  add(since.refused, "refused by the system");
  add(since.unknown_visitor, "for visitors that are not known any more");
  add(since.denied, "from addresses that `allow` or `deny` refuses");
  add(since.over_address_limit, "refused by `max_connections_per_address`");
  add(since.over_rate, "refused by `new_connections_per_second`");
  add(since.evicted, "visitors forgotten for others");
  return text;
}

}  // namespace rathole::app
