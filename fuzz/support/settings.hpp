#pragma once

#include <rathole/core/secret.hpp>
#include <rathole/protocol/authenticate.hpp>

#include <string>

/// What all targets agree on: the worked example of the wire's description.
namespace rathole::fuzz {

inline constexpr char service_name[] = "ssh";

inline secret token() { return secret(std::string("use_a_secret")); }

/// The nonce that counts from 0 to 31.
inline protocol::digest nonce() {
  protocol::digest out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(i);
  return out;
}

}  // namespace rathole::fuzz
