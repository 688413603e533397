#pragma once

#include "check.hpp"
#include "fuzz_input.hpp"

#include <rathole/protocol/registry.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

namespace rathole::fuzz {

/// Drives a `map_registry` with the fuzzer's input beside a plain map of services.
class registry_run {
 public:
  /// Makes one call and compares the result.
  void step(fuzz_input& in) {
    const auto service = static_cast<std::uint8_t>(in.below(5));
    const auto known = model_.find(service);
    switch (in.below(6)) {
      case 0: check(registry_.insert(digest_of(service), ++values_) == is_new(service)); break;
      case 1:
        check(registry_.erase(digest_of(service)) == session_of(service));
        model_.erase(service);
        break;
      case 2: {
        const auto key = static_cast<std::uint8_t>(in.byte());
        const bool has_evicted = known != model_.end() && known->second.second == key;
        check(registry_.detach(digest_of(service), digest_of(key)) ==
              (has_evicted ? session_of(service) : std::nullopt));
        if (has_evicted) known->second.second.reset();
        break;
      }
      default: {
        // Session keys are unique, and differ from the numbers of services.
        if (known == model_.end() || next_key_ == 255) break;
        const std::uint8_t key = next_key_++;
        const auto replaced = session_of(service);
        check(registry_.attach(digest_of(service), digest_of(key), key) == replaced);
        known->second.second = key;
        break;
      }
    }
    compare();
  }

 private:
  // The first bytes are equal, so all are in one bucket and only the comparison distinguishes them.
  static protocol::digest digest_of(std::uint8_t number) {
    protocol::digest out{};
    out.back() = number;
    return out;
  }

  bool is_new(std::uint8_t service) {
    return model_.try_emplace(service, values_, std::nullopt).second;
  }

  [[nodiscard]] std::optional<int> session_of(std::uint8_t service) const {
    const auto found = model_.find(service);
    if (found == model_.end() || !found->second.second) return std::nullopt;
    return *found->second.second;
  }

  void compare() {
    std::size_t seen = 0;
    registry_.for_each([&](const protocol::digest& at, const int& value, const int* session) {
      const auto found = model_.find(at.back());
      check(found != model_.end() && found->second.first == value);
      const auto expected = session_of(at.back());
      check(expected.has_value() == (session != nullptr) && (!session || *session == *expected));
      check(*registry_.find_service(at) == value);
      if (session) check(registry_.find_session(digest_of(*found->second.second)) == session);
      ++seen;
    });
    check(seen == model_.size() && registry_.size() == seen && registry_.empty() == (seen == 0));
    check(!registry_.find_session(digest_of(255)) && !registry_.find_service(digest_of(255)));
  }

  protocol::map_registry<int, int> registry_;
  std::map<std::uint8_t, std::pair<int, std::optional<std::uint8_t>>> model_;
  int values_ = 0;
  std::uint8_t next_key_ = 5;
};

}  // namespace rathole::fuzz
