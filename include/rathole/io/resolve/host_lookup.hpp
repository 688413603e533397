#pragma once

#include <rathole/core/error.hpp>
#include <rathole/core/last_error.hpp>
#include <rathole/core/result.hpp>

#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>

#include <netdb.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace rathole::io {

/// The addresses of a name, in the order that the system prefers.
using host_addresses = std::vector<asio::ip::address>;

/// Returns the category of errors for which the system's resolver gives no answer. The value is an
/// error code of getaddrinfo(3); the name is "rathole.lookup".
inline const std::error_category& lookup_category() noexcept {
  struct category final : std::error_category {
    const char* name() const noexcept override { return "rathole.lookup"; }
    std::string message(int value) const override {
      return std::string("the name could not be looked up: ") + ::gai_strerror(value);
    }
  };
  static const category instance;
  return instance;
}

/// Resolves a name by the system's resolver, as nsswitch.conf(5) says (hosts, DNS, mDNS). Blocks
/// until there is an answer, which may take long.
///
/// Fails with `errc::host_not_found` if the name does not exist or has no address, with an error of
/// `lookup_category` if there is no answer, or with the system's error.
inline result<host_addresses> look_up_host(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(name.c_str(), nullptr, &hints, &found);
  if (code == EAI_SYSTEM) return failure(last_error());
  if (code == EAI_NONAME || code == EAI_NODATA || code == EAI_ADDRFAMILY) {
    return failure(errc::host_not_found);
  }
  if (code != 0) return failure(std::error_code(code, lookup_category()));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  host_addresses out;
  for (const addrinfo* each = found; each; each = each->ai_next) {
    asio::ip::tcp::endpoint at;
    if (each->ai_addrlen > at.capacity()) continue;
    std::memcpy(at.data(), each->ai_addr, each->ai_addrlen);
    at.resize(each->ai_addrlen);
    out.push_back(at.address());
  }
  if (out.empty()) return failure(errc::host_not_found);
  return out;
}

}  // namespace rathole::io
