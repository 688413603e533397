#pragma once

#include <rathole/http/status.hpp>

#include <string>
#include <system_error>

namespace rathole::proxy {

/// Returns the category of the errors with which a SOCKS5 proxy replies. The value is the reply
/// code (RFC 1928 section 6); the name is "rathole.proxy.socks5".
inline const std::error_category& socks5_category() noexcept {
  struct category final : std::error_category {
    const char* name() const noexcept override { return "rathole.proxy.socks5"; }
    std::string message(int reply) const override {
      return "the proxy answered: " + words(reply) + " (SOCKS5 reply " + std::to_string(reply) +
             ")";
    }

   private:
    static std::string words(int reply) {
      switch (reply) {
        case 1: return "general failure";
        case 2: return "connection not allowed";
        case 3: return "network unreachable";
        case 4: return "host unreachable";
        case 5: return "connection refused";
        case 6: return "TTL expired";
        case 7: return "command not supported";
        case 8: return "address type not supported";
        default: return "failure";
      }
    }
  };
  static const category instance;
  return instance;
}

/// Returns the category of the errors with which an HTTP proxy responds. The value is the status
/// code; the name is "rathole.proxy.http".
inline const std::error_category& http_category() noexcept {
  struct category final : std::error_category {
    const char* name() const noexcept override { return "rathole.proxy.http"; }
    std::string message(int status) const override {
      return "the proxy answered " + http::status_text(status);
    }
  };
  static const category instance;
  return instance;
}

}  // namespace rathole::proxy
