#pragma once

#include <rathole/core/error.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/detect_protocol.hpp>
#include <rathole/tls/alert.hpp>
#include <rathole/websocket/error.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace rathole::server_side {

/// The length of an interval in which refused connections are summed up.
inline constexpr std::chrono::seconds refusal_interval{60};
/// The largest number of sources that are distinguished in one interval.
inline constexpr std::size_t max_refused_sources = 1024;

/// The reason for which a connection did not become a control or data channel.
enum class refusal : std::uint8_t {
  /// There were too many connections, and it was dropped.
  too_many,
  /// A step of the handshake took too long.
  timed_out,
  /// The connection ended early.
  closed_early,
  /// The client did not follow the protocol.
  not_the_protocol,
  /// The client uses another transport than the server.
  other_transport,
  /// The messages of Noise could not be authenticated, or a key was wrong.
  wrong_noise_key,
  /// A TLS handshake failed, or the client ended it with an alert.
  tls_failed,
  /// A WebSocket upgrade was refused.
  upgrade_refused,
  /// The client asked for an unknown service.
  unknown_service,
  /// The client used a wrong token.
  wrong_token,
  /// A data channel named an unknown session.
  unknown_session,
  /// The settings refuse connections from the address.
  denied,
};
/// The number of these kinds.
inline constexpr std::size_t refusal_kinds = 12;

/// Returns the kind of refusal for an error of a handshake. An error of the system counts as an
/// early end of the connection.
inline refusal refusal_of(std::error_code error) {
  if (error.category() == protocol::wire_protocol_category()) return refusal::other_transport;
  if (error.category() == websocket::refusal_category()) return refusal::upgrade_refused;
  if (error.category() == tls::alert_category()) return refusal::tls_failed;
  if (error.category() != error_category()) return refusal::closed_early;
  switch (static_cast<errc>(error.value())) {
    case errc::limit_reached: return refusal::too_many;
    case errc::timed_out: return refusal::timed_out;
    case errc::protocol_version_mismatch:
    case errc::malformed_message:
    case errc::malformed_http:
    case errc::malformed_proxy_header:
    case errc::unexpected_message:
    case errc::message_too_long:
    case errc::unexpected_hello: return refusal::not_the_protocol;
    case errc::decryption_failed:
    case errc::weak_public_key:
    case errc::wrong_public_key: return refusal::wrong_noise_key;
    case errc::tls_nothing_in_common:
    case errc::not_tls:
    case errc::tls_handshake_failed: return refusal::tls_failed;
    case errc::service_not_exist: return refusal::unknown_service;
    case errc::authentication_failed: return refusal::wrong_token;
    case errc::unknown_session: return refusal::unknown_session;
    case errc::address_denied: return refusal::denied;
    default: return refusal::closed_early;
  }
}

/// Sums up the connections that were refused within one interval.
struct refusal_summary {
  /// The number of refusals of each kind.
  std::array<std::uint64_t, refusal_kinds> counts{};
  /// The number of sources (`protocol::source_network`), at most `max_refused_sources`.
  std::size_t sources = 0;
  /// The source with the most refusals. If there were too many sources to distinguish, another one
  /// may have more.
  std::string most_active;
  /// The number of its refusals.
  std::uint64_t by_most_active = 0;
  /// The time from the first refusal to the end of the interval.
  duration lasted{};

  /// Returns the number of refusals of a kind.
  [[nodiscard]] std::uint64_t count(refusal kind) const {
    return counts[static_cast<std::size_t>(kind)];
  }
  /// Returns the number of all refusals.
  [[nodiscard]] std::uint64_t total() const {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  }
};

/// Sums up refusals, so that unauthenticated connections cause only one log line per interval. An
/// interval begins with a refusal. Pure bookkeeping, bounded by `max_refused_sources`.
class refusal_counter {
 public:
  /// Counts a refusal. Returns whether it is the first of its kind in the interval.
  bool note(refusal kind, const std::string& source, time_point now) {
    if (!deadline_) deadline_ = now + refusal_interval;
    const std::uint64_t count = ++so_far_.counts[static_cast<std::size_t>(kind)];
    const auto known = sources_.find(source);
    if (known != sources_.end()) {
      ++known->second;
    } else if (sources_.size() < max_refused_sources) {
      sources_.emplace(source, 1);
    }
    // The first of these two kinds is logged on a line of its own.
    const bool is_reported = kind == refusal::unknown_service || kind == refusal::wrong_token;
    if (!is_reported || count > 1) has_unreported_ = true;
    return count == 1;
  }

  /// Returns when the interval ends.
  [[nodiscard]] std::optional<time_point> deadline() const { return deadline_; }

  /// Ends the interval at `now`, which must be its deadline or earlier. Returns the summary, or
  /// nothing if each refusal was the first unknown service or wrong token, which were reported
  /// already.
  std::optional<refusal_summary> finish(time_point now) {
    const auto deadline = std::exchange(deadline_, std::nullopt);
    const auto seen = std::exchange(sources_, {});
    refusal_summary out = std::exchange(so_far_, {});
    if (!std::exchange(has_unreported_, false)) return std::nullopt;
    out.sources = seen.size();
    const auto by_count = [](const auto& one) { return one.second; };
    const auto most = std::ranges::max_element(seen, {}, by_count);
    out.most_active = most->first;
    out.by_most_active = most->second;
    out.lasted = now - (*deadline - refusal_interval);
    return out;
  }

 private:
  std::optional<time_point> deadline_;
  refusal_summary so_far_;
  std::map<std::string, std::uint64_t> sources_;
  bool has_unreported_ = false;
};

}  // namespace rathole::server_side
