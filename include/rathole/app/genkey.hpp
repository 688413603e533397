#pragma once

#include <rathole/core/base64.hpp>
#include <rathole/core/constant_time.hpp>
#include <rathole/crypto/botan/x25519.hpp>
#include <rathole/crypto/system_rng.hpp>

#include <cstdlib>
#include <ostream>

namespace rathole::app {

/// Prints a fresh pair of X25519 keys for the transport noise, in base64 as in configuration files.
/// Returns the exit status. Compat: upstream's format.
inline int generate_key(std::ostream& out) {
  crypto::dh_key key;
  crypto::system_rng().fill(key);
  out << "Private Key:\n"
      << to_base64(key) << "\n\nPublic Key:\n"
      << to_base64(crypto::botan::x25519_key_pair(key).public_key()) << '\n';
  wipe(key);
  return EXIT_SUCCESS;
}

}  // namespace rathole::app
