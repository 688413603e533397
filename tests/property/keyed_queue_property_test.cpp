#include "../support/property.hpp"

#include <rathole/core/keyed_queue.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace rathole::test {
namespace {

/// A simple model of `keyed_queue`: a list that is searched from front to back.
struct listed {
  std::uint64_t ticket;
  int key;
  int value;
  auto operator<=>(const listed&) const = default;
};

TEST_CASE("keyed_queue matches a list sorted by ticket") {
  RATHOLE_PROPERTY("keyed_queue", [] {
    keyed_queue<int, int> queue;
    std::vector<listed> model;
    const auto is_same = [](const keyed_queue<int, int>::element& one, const listed& other) {
      return one.key == other.key && one.value == other.value;
    };
    const auto taken = [&](auto pick) { return std::ranges::find_if(model, pick) != model.end(); };
    const int steps = *rc::gen::inRange(0, 100);
    for (int i = 0; i < steps; ++i) {
      const auto ticket = *rc::gen::inRange<std::uint64_t>(0, 12);
      const int key = *rc::gen::inRange(0, 8);
      switch (*rc::gen::inRange(0, 6)) {
        case 0: {
          const auto found = std::ranges::find(model, key, &listed::key);
          RC_ASSERT(queue.erase(key) == (found != model.end()));
          if (found != model.end()) model.erase(found);
          break;
        }
        case 1:
          if (model.empty()) break;
          RC_ASSERT(is_same(queue.pop_front(), model.front()));
          model.erase(model.begin());
          break;
        case 2:
          if (model.empty()) break;
          RC_ASSERT(is_same(queue.pop_back(), model.back()));
          model.pop_back();
          break;
        default:
          // Keys and tickets are unique.
          if (taken([&](const listed& one) { return one.key == key || one.ticket == ticket; })) {
            break;
          }
          queue.insert(ticket, key, i);
          model.push_back({ticket, key, i});
          std::ranges::sort(model);
          break;
      }
      RC_ASSERT(queue.size() == model.size());
      RC_ASSERT(queue.empty() == model.empty());
      if (!model.empty()) RC_ASSERT(is_same(queue.front(), model.front()));
      for (int each = 0; each < 8; ++each) {
        RC_ASSERT(queue.contains(each) ==
                  taken([&](const listed& one) { return one.key == each; }));
      }
    }
  });
}

}  // namespace
}  // namespace rathole::test
