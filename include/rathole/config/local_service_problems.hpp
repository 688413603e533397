#pragma once

#include <rathole/config/health_check.hpp>
#include <rathole/config/key.hpp>
#include <rathole/config/limits.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/types.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace rathole::config::detail {

/// Adds the problems of the local addresses and health checks of the services of a client.
inline void add_local_service_problems(const client& value, std::vector<problem>& problems) {
  for (const client_service& each : value.services) {
    const auto add = [&](const char* key, const char* what, std::string remedy) {
      problems.push_back({.key = key_path("client.services", each.name) + '.' + key,
                          .what = what,
                          .remedy = std::move(remedy)});
    };
    if (each.local_addr.size() > limits::local_addresses) {
      add("local_addr", "too many addresses",
          "name at most " + std::to_string(limits::local_addresses));
    }
    if (each.kind == service_kind::udp && each.local_addr.size() > 1) {
      add("local_addr", "a UDP service has one local address", "name one address");
    }
    if (!each.check) continue;
    if (each.kind == service_kind::udp || each.in_process) {
      add("health_check", "for TCP services with a `local_addr` only", "leave it out");
    }
    const auto check_number = [&add](const char* key, std::size_t number) {
      if (number >= 1 && number <= static_cast<std::size_t>(limits::health_checks)) return;
      add(key, "the number is out of range",
          "choose 1 to " + std::to_string(limits::health_checks));
    };
    check_number("health_check.fall", each.check->fall);
    check_number("health_check.rise", each.check->rise);
    const auto check_duration = [&add](const char* key, std::chrono::milliseconds length) {
      const std::chrono::seconds longest{limits::duration_seconds};
      if (length >= std::chrono::milliseconds(1) && length <= longest) return;
      add(key, "the time is out of range", "choose 1 ms or more");
    };
    check_duration("health_check.interval", each.check->interval);
    check_duration("health_check.timeout", each.check->timeout);
    const bool has_path =
        each.check->kind == health_check_kind::tcp ||
        (is_request_path(each.check->path) && each.check->path.size() <= limits::health_check_path);
    if (!has_path) {
      add("health_check.path", "not the path of an HTTP request", "write it like `/health`");
    }
  }
}

}  // namespace rathole::config::detail
