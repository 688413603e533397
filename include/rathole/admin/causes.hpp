#pragma once

#include <rathole/admin/service_statistics.hpp>
#include <rathole/core/error.hpp>

#include <system_error>

namespace rathole::admin {

/// Returns the reason in metrics for which a visitor was refused with `error`.
inline refusal_reason reason_of(const std::error_code& error) {
  if (error == errc::limit_reached) return refusal_reason::limit;
  if (error == errc::timed_out) return refusal_reason::timeout;
  if (error == errc::visitor_rejected) return refusal_reason::filter;
  if (error == errc::draining) return refusal_reason::draining;
  if (error == errc::address_denied) return refusal_reason::denied;
  if (error == errc::too_many_connections) return refusal_reason::connections;
  if (error == errc::too_many_of_address) return refusal_reason::address_limit;
  if (error == errc::too_many_new_connections) return refusal_reason::rate;
  if (error == errc::stopped || error == errc::no_client || error == errc::end_of_stream) {
    return refusal_reason::no_client;
  }
  if (error == std::errc::too_many_files_open ||
      error == std::errc::too_many_files_open_in_system || error == std::errc::not_enough_memory) {
    return refusal_reason::resources;
  }
  return refusal_reason::failed;
}

/// Returns the cause in metrics for which a control channel ended or was not established with `error`.
inline reconnect_cause cause_of(const std::error_code& error, bool is_displaced) {
  if (is_displaced) return reconnect_cause::displaced;
  if (error.category() != error_category()) {
    return error == std::errc::timed_out ? reconnect_cause::timeout : reconnect_cause::network;
  }
  switch (static_cast<errc>(error.value())) {
    case errc::service_not_exist:
    case errc::authentication_failed:
    case errc::service_in_use: return reconnect_cause::refused;
    case errc::timed_out:
    case errc::heartbeat_timed_out: return reconnect_cause::timeout;
    case errc::stopped:
    case errc::end_of_stream:
    case errc::truncated:
    case errc::closed_in_handshake:
    case errc::host_not_found: return reconnect_cause::network;
    default: return reconnect_cause::protocol;
  }
}

}  // namespace rathole::admin
