#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <string>

namespace rathole::text {

/// Returns a time of the system's clock in UTC with milliseconds (RFC 3339), such as
/// `2024-01-31T12:00:00.250Z`.
inline std::string utc(std::chrono::system_clock::time_point at) {
  const auto second = std::chrono::floor<std::chrono::seconds>(at);
  const auto rest = std::chrono::floor<std::chrono::milliseconds>(at - second);
  const std::time_t whole = std::chrono::system_clock::to_time_t(second);
  std::tm parts{};
  ::gmtime_r(&whole, &parts);
  std::array<char, 48> out;
  const int size =
      std::snprintf(out.data(), out.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                    parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                    parts.tm_min, parts.tm_sec, static_cast<int>(rest.count()));
  return std::string(out.data(), static_cast<std::size_t>(size));
}

}  // namespace rathole::text
