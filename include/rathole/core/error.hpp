#pragma once

#include <string>
#include <system_error>

namespace rathole {

/// What can go wrong in this library. Codes of the operating system and of Asio pass through
/// unchanged; these are the conditions that only rathole knows.
enum class errc {
  /// The operation was ended by the caller: cancelled, or its object was stopped.
  stopped = 1,
  /// The peer closed the connection where more was expected.
  end_of_stream,
  /// A deadline of ours passed.
  timed_out,
  /// The peer speaks another version of the protocol.
  protocol_version_mismatch,
  /// A message carries a variant or length that wire version 1 does not have.
  malformed_message,
  /// A data Hello where a control Hello was due, or the reverse.
  unexpected_hello,
  /// The server does not know the service (Ack 1).
  service_not_exist,
  /// The token is wrong (Ack 2).
  authentication_failed,
  /// No command arrived within the heartbeat time-out.
  heartbeat_timed_out,
  /// The server commanded a kind of traffic that the service is not configured for.
  unexpected_traffic,
  /// A data channel names a session that no control channel owns.
  unknown_session,
  /// A bound was reached and the newcomer is refused.
  limit_reached,
  /// An `address` is not `host:port`.
  invalid_address,
  /// A name has no address.
  host_not_found,
  /// A string is not what its encoding demands (base64, hexadecimal).
  invalid_encoding,
  /// The configuration names something that this build does not contain.
  not_built_in,
};

/// The category of `errc`; its name is "rathole".
inline const std::error_category& error_category() noexcept {
  struct category final : std::error_category {
    const char* name() const noexcept override { return "rathole"; }
    std::string message(int value) const override {
      switch (static_cast<errc>(value)) {
        case errc::stopped: return "stopped";
        case errc::end_of_stream: return "connection closed by the peer";
        case errc::timed_out: return "timed out";
        case errc::protocol_version_mismatch: return "protocol version mismatched";
        case errc::malformed_message: return "malformed message";
        case errc::unexpected_hello: return "unexpected type of hello";
        case errc::service_not_exist: return "Service not exist";
        case errc::authentication_failed: return "Incorrect token";
        case errc::heartbeat_timed_out: return "Heartbeat timed out";
        case errc::unexpected_traffic: return "unexpected kind of traffic";
        case errc::unknown_session: return "data channel has incorrect nonce";
        case errc::limit_reached: return "limit reached";
        case errc::invalid_address: return "not an address of the form host:port";
        case errc::host_not_found: return "host not found";
        case errc::invalid_encoding: return "invalid encoding";
        case errc::not_built_in: return "not built into this program";
      }
      return "unknown error";
    }
  };
  static const category instance;
  return instance;
}

/// Makes `errc` convertible to `std::error_code`.
inline std::error_code make_error_code(errc value) noexcept {
  return {static_cast<int>(value), error_category()};
}

}  // namespace rathole

template <>
struct std::is_error_code_enum<rathole::errc> : std::true_type {};
