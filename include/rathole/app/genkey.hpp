#pragma once

#include <rathole/core/base64.hpp>
#include <rathole/core/constant_time.hpp>
#include <rathole/crypto/botan/x25519.hpp>
#include <rathole/crypto/system_rng.hpp>

#include <cstdlib>
#include <ostream>
#include <string>
#include <string_view>

namespace rathole::app {

/// Prints a fresh pair of keys for the transport noise, in base64 as configuration files have them.
/// Compat: upstream's format, and its `x448`, for which nobody has an implementation. Returns the
/// exit status.
inline int generate_key(std::string_view curve, std::ostream& out, std::ostream& err) {
  if (curve != "x25519") {
    err << "Error: x448 keys are not supported: use x25519\n";
    return EXIT_FAILURE;
  }
  crypto::dh_key key;
  crypto::system_rng().fill(key);
  out << "Private Key:\n"
      << to_base64(key) << "\n\nPublic Key:\n"
      << to_base64(crypto::botan::x25519::public_key(key)) << '\n';
  wipe(key);
  return EXIT_SUCCESS;
}

}  // namespace rathole::app
