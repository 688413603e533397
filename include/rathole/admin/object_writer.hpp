#pragma once

#include <rathole/admin/json.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/ip_network.hpp>
#include <rathole/core/secret.hpp>

#include <chrono>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace rathole::admin::detail {

inline json to_json(const secret& value) { return value.empty() ? json("") : json(masked); }
inline json to_json(const address& value) { return to_string(value); }
inline json to_json(std::chrono::milliseconds value) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(value);
  return seconds == value ? json(seconds.count())
                          : json(std::chrono::duration<double>(value).count());
}
inline json to_json(const address_list& value) {
  json out = json::array();
  for (const address& each : value) out.push_back(to_json(each));
  return out.size() == 1 ? out.front() : out;
}
inline json to_json(const std::vector<ip_network>& value) {
  json out = json::array();
  for (const ip_network& each : value) out.push_back(to_string(each));
  return out;
}
template <class T>
  requires std::is_arithmetic_v<T> || std::is_same_v<T, std::string>
json to_json(const T& value) {
  return value;
}

/// Adds the members of an object one by one.
class object_writer {
 public:
  /// Adds the member `key`, unless `value` is an `std::optional` without a value.
  template <class T>
  object_writer& add(const char* key, const T& value) {
    if constexpr (requires { value.has_value(); }) {
      if (value) out_[key] = to_json(*value);
    } else {
      out_[key] = to_json(value);
    }
    return *this;
  }
  /// Adds the member `key` with the object `value`.
  object_writer& add_object(const char* key, json value) {
    out_[key] = std::move(value);
    return *this;
  }
  /// Returns the object.
  json take() { return std::move(out_); }

 private:
  json out_ = json::object();
};

}  // namespace rathole::admin::detail
