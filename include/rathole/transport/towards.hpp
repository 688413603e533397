#pragma once

#include <rathole/core/address.hpp>

namespace rathole::transport {

/// Returns the transport or layer factory `same` for connections to the server that the settings
/// call `server`, whatever address is dialled. One whose connections have no name of the server in
/// them needs no function `towards`, and is returned as it is.
template <class T>
T towards(T same, const address& server) {
  if constexpr (requires { same.towards(server); }) {
    return same.towards(server);
  } else {
    return same;
  }
}

}  // namespace rathole::transport
