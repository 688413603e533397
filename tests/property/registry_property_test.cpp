#include "../support/property.hpp"

#include <rathole/protocol/registry.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace rathole::test {
namespace {

using protocol::digest;

/// A simple model of the registry: a list that is searched from front to back.
class list_registry {
 public:
  bool insert(const digest& service, int value) {
    if (find(service)) return false;
    entries_.push_back({service, value, std::nullopt, 0});
    return true;
  }

  std::optional<int> erase(const digest& service) {
    entry* found = find(service);
    if (!found) return std::nullopt;
    const std::optional<int> out = end(*found);
    std::erase_if(entries_, [&](const entry& one) { return one.service == service; });
    return out;
  }

  int* find_service(const digest& service) {
    entry* found = find(service);
    return found ? &found->value : nullptr;
  }

  std::optional<int> attach(const digest& service, const digest& key, int session) {
    entry& found = *find(service);
    const std::optional<int> out = end(found);
    found.key = key;
    found.session = session;
    return out;
  }

  std::optional<int> detach(const digest& service, const digest& key) {
    entry* found = find(service);
    if (!found || found->key != key) return std::nullopt;
    return end(*found);
  }

  int* find_session(const digest& key) {
    for (entry& one : entries_) {
      if (one.key == key) return &one.session;
    }
    return nullptr;
  }

  template <class F>
  void for_each(F visit) {
    for (entry& one : entries_) visit(one.service, one.value, one.key ? &one.session : nullptr);
  }

 private:
  struct entry {
    digest service;
    int value;
    std::optional<digest> key;
    int session;
  };

  entry* find(const digest& service) {
    const auto found = std::ranges::find(entries_, service, &entry::service);
    return found == entries_.end() ? nullptr : &*found;
  }

  static std::optional<int> end(entry& one) {
    if (!one.key) return std::nullopt;
    one.key.reset();
    return one.session;
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

using contents = std::vector<std::tuple<digest, int, std::optional<int>>>;

template <class R>
contents contents_of(R& registry) {
  contents out;
  registry.for_each([&](const digest& service, const int& value, const int* session) {
    out.emplace_back(service, value, value_of(session));
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
      switch (*rc::gen::inRange(0, 6)) {
        case 0: RC_ASSERT(registry.insert(service, i) == model.insert(service, i)); break;
        case 1: RC_ASSERT(registry.erase(service) == model.erase(service)); break;
        case 2:
          RC_ASSERT(registry.detach(service, old_key) == model.detach(service, old_key));
          break;
        default:
          if (!model.find_service(service)) break;
          const digest key = numbered(fresh++);
          RC_ASSERT(registry.attach(service, key, i) == model.attach(service, key, i));
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
