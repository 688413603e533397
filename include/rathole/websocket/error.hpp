#pragma once

#include <rathole/http/status.hpp>

#include <string>
#include <system_error>

namespace rathole::websocket {

/// The category of a server's answers other than 101; the value is the status code.
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

/// The category of what a server refuses; the value is the status code that it answered.
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

}  // namespace rathole::websocket
