#pragma once

#include "check.hpp"
#include "fuzz_input.hpp"

#include <rathole/protocol/registry.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace rathole::fuzz {

/// Drives a `map_registry` with the fuzzer's input beside a plain map of services.
class registry_run {
 public:
  /// Makes one call and compares the result.
  void step(fuzz_input& in) {
    const auto service = static_cast<std::uint8_t>(in.below(5));
    const auto known = model_.find(service);
    switch (in.below(7)) {
      case 0: check(registry_.insert(digest_of(service), ++values_) == is_new(service)); break;
      case 1:
        check(registry_.erase(digest_of(service)) == sessions_of(service));
        model_.erase(service);
        break;
      case 2: {
        const auto key = static_cast<std::uint8_t>(in.byte());
        const bool has_it = known != model_.end() && std::erase(known->second.second, key) > 0;
        check(registry_.detach(digest_of(service), digest_of(key)) ==
              (has_it ? std::optional<int>(key) : std::nullopt));
        break;
      }
      case 3: {
        auto older = sessions_of(service);
        if (!older.empty()) {
          known->second.second = {static_cast<std::uint8_t>(older.back())};
          older.pop_back();
        }
        check(registry_.keep_newest(digest_of(service)) == older);
        break;
      }
      default: {
        // Session keys are unique, and differ from the numbers of services.
        if (known == model_.end() || next_key_ == 255) break;
        const std::uint8_t key = next_key_++;
        registry_.attach(digest_of(service), digest_of(key), key);
        known->second.second.push_back(key);
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
    return model_.try_emplace(service, values_, std::vector<std::uint8_t>()).second;
  }

  /// Returns the sessions of a service, each of which is the number of its key.
  [[nodiscard]] std::vector<int> sessions_of(std::uint8_t service) const {
    const auto found = model_.find(service);
    if (found == model_.end()) return {};
    return {found->second.second.begin(), found->second.second.end()};
  }

  void compare() {
    std::size_t seen = 0;
    registry_.for_each([&](const protocol::digest& at, const int& value, std::span<int> all) {
      const auto found = model_.find(at.back());
      check(found != model_.end() && found->second.first == value);
      check(std::ranges::equal(all, sessions_of(at.back())));
      check(std::ranges::equal(all, registry_.sessions_of(at)));
      check(*registry_.find_service(at) == value);
      for (int& session : all) {
        check(registry_.find_session(digest_of(static_cast<std::uint8_t>(session))) == &session);
      }
      ++seen;
    });
    check(seen == model_.size() && registry_.size() == seen && registry_.empty() == (seen == 0));
    check(!registry_.find_session(digest_of(255)) && !registry_.find_service(digest_of(255)));
  }

  protocol::map_registry<int, int> registry_;
  std::map<std::uint8_t, std::pair<int, std::vector<std::uint8_t>>> model_;
  int values_ = 0;
  std::uint8_t next_key_ = 5;
};

}  // namespace rathole::fuzz
