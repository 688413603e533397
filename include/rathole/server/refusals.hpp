#pragma once

#include <rathole/core/error.hpp>
#include <rathole/core/time.hpp>
#include <rathole/protocol/recognise.hpp>
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

namespace rathole::server {

/// Refused connections are summed up for this long.
inline constexpr std::chrono::seconds refusal_interval{60};
/// Sources that are told apart in one interval.
inline constexpr std::size_t max_refused_sources = 1024;

/// Why a connection did not become a control or data channel.
enum class refusal : std::uint8_t {
  /// It was the one to go when there were too many.
  too_many,
  timed_out,
  closed_early,
  not_the_protocol,
  /// What came is of a transport other than the server's.
  other_transport,
  /// The parties of Noise could not read each other.
  wrong_noise_key,
  /// A handshake of TLS failed, or the client ended it with an alert.
  tls_failed,
  /// A request for an upgrade to WebSocket was refused.
  upgrade_refused,
  unknown_service,
  wrong_token,
  unknown_session,
};
inline constexpr std::size_t refusal_kinds = 11;

/// The kind of refusal that an error of a handshake is; an error of the system counts as the
/// connection's end.
inline refusal refusal_of(std::error_code error) {
  if (error.category() == protocol::look_category()) return refusal::other_transport;
  if (error.category() == websocket::refusal_category()) return refusal::upgrade_refused;
  if (error.category() == tls::alert_category()) return refusal::tls_failed;
  if (error.category() != error_category()) return refusal::closed_early;
  switch (static_cast<errc>(error.value())) {
    case errc::limit_reached: return refusal::too_many;
    case errc::timed_out: return refusal::timed_out;
    case errc::protocol_version_mismatch:
    case errc::malformed_message:
    case errc::malformed_http:
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
    default: return refusal::closed_early;
  }
}

/// The connections that were refused within one interval.
struct refusal_summary {
  /// By kind.
  std::array<std::uint64_t, refusal_kinds> counts{};
  /// Sources (`protocol::source_network`), `max_refused_sources` at most.
  std::size_t sources = 0;
  /// The one with the most refusals, and their number. Others may be the most active if there were
  /// too many sources to tell apart.
  std::string most_active;
  std::uint64_t by_most_active = 0;
  /// From the first of them to the end of the interval.
  duration lasted{};

  [[nodiscard]] std::uint64_t count(refusal kind) const {
    return counts[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] std::uint64_t total() const {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  }
};

/// Sums up refusals, so that anybody's connections cost a log one line per interval. An interval
/// begins with a refusal. Pure bookkeeping, bounded by `max_refused_sources`.
class refusal_counter {
 public:
  /// Counts one. True for the first of its kind in the interval.
  bool note(refusal kind, const std::string& source, time_point now) {
    if (!deadline_) deadline_ = now + refusal_interval;
    const std::uint64_t count = ++so_far_.counts[static_cast<std::size_t>(kind)];
    const auto known = sources_.find(source);
    if (known != sources_.end()) {
      ++known->second;
    } else if (sources_.size() < max_refused_sources) {
      sources_.emplace(source, 1);
    }
    // The others have a line of their own when they come first.
    const bool is_told = kind == refusal::unknown_service || kind == refusal::wrong_token;
    if (!is_told || count > 1) has_untold_ = true;
    return count == 1;
  }

  /// When the interval ends.
  [[nodiscard]] std::optional<time_point> deadline() const { return deadline_; }

  /// Ends the interval at `now`, which is its deadline or before. Yields all that was refused in it, unless each
  /// was the first unknown service or wrong token, and so known already.
  std::optional<refusal_summary> finish(time_point now) {
    const auto deadline = std::exchange(deadline_, std::nullopt);
    const auto seen = std::exchange(sources_, {});
    refusal_summary out = std::exchange(so_far_, {});
    if (!std::exchange(has_untold_, false)) return std::nullopt;
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
  bool has_untold_ = false;
};

}  // namespace rathole::server
