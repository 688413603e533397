#pragma once

#include "check.hpp"
#include "failing_memory.hpp"
#include "fuzz_input.hpp"

#include <rathole/protocol/udp_sessions.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace rathole::fuzz {

/// Drives `udp_sessions` with the fuzzer's input beside a list in the order of the last traffic, in
/// which the visitor that has been idle longest is the first.
class sessions_run {
 public:
  explicit sessions_run(std::uint64_t seed) : sessions_(limit_, idle_timeout_, seed) {}

  void step(fuzz_input& in) {
    const ip_endpoint who = some_endpoint(in);
    const auto found = std::ranges::find(model_, who, &listed::visitor);
    switch (in.below(8)) {
      case 0:
        sessions_.erase(who);
        if (found != model_.end()) model_.erase(found);
        break;
      case 1:
        limit_ = in.below(6);
        idle_timeout_ = in.time();
        sessions_.set_limits(limit_, idle_timeout_);
        limit_ = std::max<std::size_t>(limit_, 1);
        break;
      case 2:
        if (model_.empty()) break;
        check(sessions_.pop_oldest() == model_.front().value);
        model_.erase(model_.begin());
        break;
      case 3:
        now_ += in.time();
        if (in.flag()) now_ = std::max(now_, sessions_.deadline().value_or(now_));
        expire();
        break;
      case 4:
        if (!in.flag()) break;
        sessions_.clear();
        model_.clear();
        break;
      default: have_traffic(who, found, in); break;
    }
    compare();
  }

 private:
  struct listed {
    ip_endpoint visitor;
    time_point last;
    unsigned value;
  };

  void have_traffic(const ip_endpoint& who, std::vector<listed>::iterator found, fuzz_input& in) {
    const std::size_t memory = in.below(8);
    unsigned* value = nullptr;
    // Traffic of a known visitor needs no memory.
    check(!runs_out_of_memory(0, [&] { value = sessions_.touch(who, now_); }));
    check((value != nullptr) == (found != model_.end()));
    if (value) {
      check(*value == found->value);
      found->last = now_;
      std::rotate(found, found + 1, model_.end());
    } else if (model_.size() < limit_) {
      const unsigned added = ++values_;
      const bool has_failed =
          runs_out_of_memory(memory, [&] { check(sessions_.add(who, added, now_) == added); });
      // If memory runs out, nothing changes.
      if (!has_failed) model_.push_back({who, now_, added});
    }
  }

  // All visitors that are due expire, and no others.
  void expire() {
    while (const auto value = sessions_.expire(now_)) {
      check(!model_.empty() && model_.front().value == *value);
      check(model_.front().last + idle_timeout_ <= now_);
      model_.erase(model_.begin());
    }
    check(model_.empty() || model_.front().last + idle_timeout_ > now_);
  }

  void compare() const {
    check(sessions_.limit() == limit_);
    check(sessions_.size() == model_.size() && sessions_.empty() == model_.empty());
    check(sessions_.full() == (model_.size() >= limit_));
    std::optional<time_point> deadline;
    if (!model_.empty()) deadline = model_.front().last + idle_timeout_;
    check(sessions_.deadline() == deadline);
  }

  static ip_endpoint some_endpoint(fuzz_input& in) {
    const unsigned which = in.byte();
    ip_endpoint out;
    out.port = static_cast<std::uint16_t>(which % 4);
    out.is_v6 = which / 4 % 2 != 0;
    out.ip[out.is_v6 ? 15 : 3] = static_cast<std::uint8_t>(which / 8 % 2);
    return out;
  }

  std::size_t limit_ = 4;
  duration idle_timeout_ = std::chrono::seconds(1);
  time_point now_{std::chrono::hours(1)};
  protocol::udp_sessions<unsigned> sessions_;
  std::vector<listed> model_;
  unsigned values_ = 0;
};

}  // namespace rathole::fuzz
