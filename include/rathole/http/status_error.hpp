#pragma once

#include <rathole/http/status.hpp>

#include <string>
#include <system_error>

namespace rathole::http {

/// Returns the category of errors whose value is the status of an answer (RFC 9110 section 15).
inline const std::error_category& status_category() noexcept {
  class category final : public std::error_category {
   public:
    [[nodiscard]] const char* name() const noexcept override { return "rathole.http_status"; }
    [[nodiscard]] std::string message(int status) const override {
      std::string out = "the answer has the status " + std::to_string(status);
      const auto reason = reason_phrase(status);
      if (!reason.empty()) out.append(" (").append(reason).append(")");
      return out;
    }
  };
  static const category instance;
  return instance;
}

}  // namespace rathole::http
