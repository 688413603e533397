#pragma once

#include "check.hpp"
#include "failing_memory.hpp"
#include "fuzz_input.hpp"

#include <rathole/core/keyed_queue.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <utility>

namespace rathole::fuzz {

/// Drives a `keyed_queue` with the fuzzer's input beside a plain map from ticket to key and value.
class queue_run {
 public:
  void step(fuzz_input& in) {
    const std::uint64_t ticket = in.below(16);
    const auto key = static_cast<unsigned>(in.below(8));
    switch (in.below(6)) {
      case 0: {
        const auto found = find(key);
        check(queue_.erase(key) == (found != model_.end()));
        if (found != model_.end()) model_.erase(found);
        break;
      }
      case 1:
        if (model_.empty()) break;
        check(is_same(queue_.pop_front(), model_.begin()->second));
        model_.erase(model_.begin());
        break;
      case 2:
        if (model_.empty()) break;
        check(is_same(queue_.pop_back(), model_.rbegin()->second));
        model_.erase(std::prev(model_.end()));
        break;
      default: {
        if (model_.contains(ticket) || find(key) != model_.end()) break;
        const unsigned value = ++values_;
        const std::size_t memory = in.below(8);
        // If memory runs out, nothing changes.
        if (!runs_out_of_memory(memory, [&] { queue_.insert(ticket, key, value); })) {
          model_.emplace(ticket, std::pair(key, value));
        }
        break;
      }
    }
    compare();
  }

 private:
  using queue = keyed_queue<unsigned, unsigned>;
  using map = std::map<std::uint64_t, std::pair<unsigned, unsigned>>;

  static bool is_same(const queue::element& one, const std::pair<unsigned, unsigned>& other) {
    return one.key == other.first && one.value == other.second;
  }

  map::iterator find(unsigned key) {
    return std::ranges::find_if(model_, [key](const auto& one) { return one.second.first == key; });
  }

  void compare() {
    check(queue_.size() == model_.size() && queue_.empty() == model_.empty());
    for (unsigned key = 0; key < 8; ++key) {
      check(queue_.contains(key) == (find(key) != model_.end()));
    }
    if (model_.empty()) return;
    check(is_same(queue_.front(), model_.begin()->second));
    check(is_same(queue_.back(), model_.rbegin()->second));
  }

  queue queue_;
  map model_;
  unsigned values_ = 0;
};

}  // namespace rathole::fuzz
