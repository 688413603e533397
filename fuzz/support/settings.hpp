#pragma once

#include <rathole/core/secret.hpp>
#include <rathole/protocol/authenticate.hpp>

#include <string>

/// The settings of all targets: the worked example of the protocol's description.
namespace rathole::fuzz {

inline constexpr char service_name[] = "ssh";

inline secret token() { return secret(std::string("use_a_secret")); }

/// The nonce with the bytes 0 to 31.
inline protocol::digest nonce() {
  protocol::digest out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(i);
  return out;
}

}  // namespace rathole::fuzz
