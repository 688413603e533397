#pragma once

#include <rathole/http/status.hpp>

#include <string>
#include <string_view>
#include <system_error>

namespace rathole::websocket {

/// Returns the category of the responses of a server other than 101. The value is the status code;
/// the name is "rathole.websocket.answer".
inline const std::error_category& answer_category() noexcept {
  struct category final : std::error_category {
    const char* name() const noexcept override { return "rathole.websocket.answer"; }
    std::string message(int status) const override {
      return "the server answered the upgrade with " + http::status_text(status);
    }
  };
  static const category instance;
  return instance;
}

/// Returns the category of the requests that a server refuses. The value is the status code of its
/// response; the name is "rathole.websocket.refusal".
inline const std::error_category& refusal_category() noexcept {
  struct category final : std::error_category {
    const char* name() const noexcept override { return "rathole.websocket.refusal"; }
    std::string message(int status) const override {
      return "the upgrade was refused with " + http::status_text(status);
    }
  };
  static const category instance;
  return instance;
}

/// Returns the meaning of the status code of a Close (RFC 6455 section 7.4.1 and the IANA registry
/// of WebSocket close codes); empty if it is unknown.
constexpr std::string_view close_phrase(int code) {
  switch (code) {
    case 1000: return "normal closure";
    case 1001: return "going away";
    case 1002: return "protocol error";
    case 1003: return "unsupported data";
    case 1007: return "invalid payload data";
    case 1008: return "policy violation";
    case 1009: return "message too big";
    case 1010: return "mandatory extension";
    case 1011: return "internal error";
    case 1012: return "service restart";
    case 1013: return "try again later";
    case 1014: return "bad gateway";
    default: return {};
  }
}

/// Returns the category of a Close that ends the connection with a failure. The value is the status
/// code of the Close; the name is "rathole.websocket.close".
inline const std::error_category& close_category() noexcept {
  struct category final : std::error_category {
    const char* name() const noexcept override { return "rathole.websocket.close"; }
    std::string message(int code) const override {
      std::string text =
          "the peer broke the WebSocket connection off with Close " + std::to_string(code);
      const std::string_view words = close_phrase(code);
      if (!words.empty()) text.append(" (").append(words).append(")");
      return text;
    }
  };
  static const category instance;
  return instance;
}

}  // namespace rathole::websocket
