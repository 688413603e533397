#include "../support/property.hpp"

#include <rathole/protocol/registry.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

namespace rathole::test {
namespace {

using protocol::digest;

/// A simple model of the registry: a list that is searched from front to back.
class list_registry {
 public:
  bool insert(const digest& service, int value) {
    if (find(service)) return false;
    entries_.push_back({service, value, {}});
    return true;
  }

  std::vector<int> erase(const digest& service) {
    const entry* const found = find(service);
    if (!found) return {};
    const auto out = values(found->sessions);
    std::erase_if(entries_, [&](const entry& one) { return one.service == service; });
    return out;
  }

  int* find_service(const digest& service) {
    entry* found = find(service);
    return found ? &found->value : nullptr;
  }

  void attach(const digest& service, const digest& key, int value) {
    find(service)->sessions.emplace_back(key, value);
  }

  std::optional<int> detach(const digest& service, const digest& key) {
    entry* found = find(service);
    if (!found) return std::nullopt;
    const auto at = std::ranges::find(found->sessions, key, &session::first);
    if (at == found->sessions.end()) return std::nullopt;
    const int out = at->second;
    found->sessions.erase(at);
    return out;
  }

  std::vector<int> keep_newest(const digest& service) {
    entry* found = find(service);
    if (!found || found->sessions.empty()) return {};
    auto out = values(found->sessions);
    out.pop_back();
    found->sessions = {found->sessions.back()};
    return out;
  }

  int* find_session(const digest& key) {
    for (entry& one : entries_) {
      for (session& each : one.sessions) {
        if (each.first == key) return &each.second;
      }
    }
    return nullptr;
  }

  template <class F>
  void for_each(F visit) {
    for (entry& one : entries_) visit(one.service, one.value, values(one.sessions));
  }

 private:
  using session = std::pair<digest, int>;
  struct entry {
    digest service;
    int value;
    std::vector<session> sessions;
  };

  static std::vector<int> values(const std::vector<session>& of) {
    std::vector<int> out;
    for (const auto& [key, value] : of) out.push_back(value);
    return out;
  }

  entry* find(const digest& service) {
    const auto found = std::ranges::find(entries_, service, &entry::service);
    return found == entries_.end() ? nullptr : &*found;
  }

  std::vector<entry> entries_;
};

static_assert(protocol::ServiceRegistry<protocol::map_registry<int, int>>);

digest numbered(int n) {
  digest out{};
  // The first bytes are equal, so all are in one bucket and only the comparison distinguishes them.
  out.back() = static_cast<std::uint8_t>(n);
  return out;
}

std::optional<int> value_of(const int* at) { return at ? std::optional(*at) : std::nullopt; }

using contents = std::vector<std::tuple<digest, int, std::vector<int>>>;

template <class R>
contents contents_of(R& registry) {
  contents out;
  registry.for_each([&](const digest& service, const int& value, std::span<const int> all) {
    out.emplace_back(service, value, std::vector(all.begin(), all.end()));
  });
  std::ranges::sort(out);
  return out;
}

TEST_CASE("registry matches a list of services and sessions") {
  RATHOLE_PROPERTY("map_registry", [] {
    protocol::map_registry<int, int> registry;
    list_registry model;
    int fresh = 100;
    const int steps = *rc::gen::inRange(0, 80);
    for (int i = 0; i < steps; ++i) {
      const digest service = numbered(*rc::gen::inRange(0, 5));
      const digest old_key = numbered(*rc::gen::inRange(100, std::min(fresh, 254) + 1));
      switch (*rc::gen::inRange(0, 8)) {
        case 0: RC_ASSERT(registry.insert(service, i) == model.insert(service, i)); break;
        case 1: RC_ASSERT(registry.erase(service) == model.erase(service)); break;
        case 2:
          RC_ASSERT(registry.detach(service, old_key) == model.detach(service, old_key));
          break;
        case 3: RC_ASSERT(registry.keep_newest(service) == model.keep_newest(service)); break;
        default:
          if (!model.find_service(service)) break;
          const digest key = numbered(fresh++);
          registry.attach(service, key, i);
          model.attach(service, key, i);
          break;
      }
      RC_ASSERT(contents_of(registry) == contents_of(model));
      for (int key = 99; key <= fresh; ++key) {
        RC_ASSERT(value_of(registry.find_session(numbered(key))) ==
                  value_of(model.find_session(numbered(key))));
      }
    }
  });
}

}  // namespace
}  // namespace rathole::test
