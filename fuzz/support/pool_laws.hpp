#pragma once

#include "check.hpp"
#include "fuzz_input.hpp"

#include <rathole/protocol/channel_pool.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <variant>
#include <vector>

namespace rathole::fuzz {

/// Drives a `channel_pool` with the fuzzer's input and checks each action against a model: each
/// visitor and channel ends once, no visitor waits without need or beyond its deadline, and all
/// counts keep their bounds.
class pool_run {
 public:
  pool_run(protocol::pool_limits limits, time_point now)
      : limits_(limits), pool_(limits), now_(now) {
    limits_.size = std::min(limits_.size, limits_.max_idle);
  }

  /// Performs one random event.
  void step(fuzz_input& in) {
    switch (in.below(10)) {
      case 0:
      case 1:
        visitors_[next_id_] = {.deadline = now_ + limits_.visitor_timeout,
                               .will_be_refused = is_full()};
        pool_.visitor_arrived(next_id_++, now_);
        break;
      case 2:
      case 3:
        idle_.insert(next_id_);
        pool_.channel_arrived(next_id_++);
        break;
      case 4: {
        const auto id = some_id(in);
        idle_.erase(id);
        pool_.channel_lost(id);
        break;
      }
      case 5: {
        const auto id = some_id(in);
        if (is_starting(id)) visitors_.erase(id);
        pool_.started(id);
        break;
      }
      case 6: {
        const auto id = some_id(in);
        if (is_starting(id)) fail(visitors_[id]);
        pool_.start_failed(id, errc::end_of_stream);
        break;
      }
      case 7: {
        const auto id = some_id(in);
        const bool was_starting = is_starting(id);
        visitors_.erase(id);
        check(pool_.visitor_left(id).has_value() == was_starting);
        break;
      }
      case 8: {
        // The newest visitor is the one that arrived last, whatever it has been through since.
        const auto newest = std::find_if(visitors_.rbegin(), visitors_.rend(),
                                         [](const auto& each) { return is_waiting(each.second); });
        const auto refused = pool_.refuse_newest(errc::limit_reached);
        check(refused.has_value() == (newest != visitors_.rend()));
        if (!refused) break;
        check(*refused == newest->first);
        newest->second.will_be_refused = true;
        break;
      }
      default:
        now_ += in.time();
        if (in.flag()) now_ = std::max(now_, pool_.deadline().value_or(now_));
        break;
    }
  }

  /// Ends the session, and checks that every visitor and every channel is closed.
  void finish() {
    has_ended_ = true;
    pool_.stop(errc::stopped);
    settle();
    check(visitors_.empty() && idle_.empty() && !pool_.deadline());
  }

  /// Performs the pool's actions until it has none.
  void settle() {
    for (;;) {
      const auto action = pool_.poll(now_);
      if (!action) break;
      std::visit([this](const auto& what) { on(what); }, *action);
    }
    check(pool_.deadline().value_or(time_point::max()) > now_);
    check(pool_.idle() == idle_.size());
    check(pool_.waiting() + pool_.starting() == visitors_.size());
    check(visitors_.size() <= limits_.max_waiting_visitors);
    check(pool_.counts() == protocol::channel_counts{pool_.waiting(), pool_.starting(),
                                                     pool_.idle(), pool_.outstanding()});
    check(pool_.waiting() == 0 || pool_.idle() == 0);
    check(pool_.idle() <= limits_.max_idle);
    check(pool_.outstanding() <= limits_.max_outstanding());
    // Channels for visitors are requested; those for the pool itself may be delayed.
    check(pool_.idle() + pool_.outstanding() >= pool_.waiting());
    const bool is_full = pool_.idle() + pool_.outstanding() >= limits_.size + pool_.waiting();
    check(is_full || has_ended_ || pool_.deadline());
    for (const auto& [id, one] : visitors_) check(one.starting || one.deadline > now_);
  }

 private:
  struct visitor {
    time_point deadline;
    unsigned attempts = 0;
    bool starting = false;
    bool will_be_refused = false;
  };

  [[nodiscard]] bool is_full() const {
    const auto is_in = [](const auto& each) { return !each.second.will_be_refused; };
    const auto count = static_cast<std::size_t>(std::ranges::count_if(visitors_, is_in));
    return count >= limits_.max_waiting_visitors;
  }

  static void fail(visitor& one) {
    one.starting = false;
    one.will_be_refused = one.attempts == protocol::max_start_attempts;
  }

  void on(const protocol::assign& what) {
    check(idle_.erase(what.channel) == 1);
    const auto found = visitors_.find(what.visitor);
    check(found != visitors_.end() && is_waiting(found->second));
    // The oldest waiting visitor is first.
    for (const auto& [id, one] : visitors_) check(!is_waiting(one) || id >= what.visitor);
    found->second.starting = true;
    check(++found->second.attempts <= protocol::max_start_attempts);
  }
  void on(const protocol::request_channel&) const {}
  void on(const protocol::refuse& what) {
    const auto found = visitors_.find(what.visitor);
    check(found != visitors_.end());
    check(found->second.will_be_refused || (has_ended_ && is_waiting(found->second)));
    visitors_.erase(found);
  }
  void on(const protocol::expire& what) {
    const auto found = visitors_.find(what.visitor);
    check(found != visitors_.end() && is_waiting(found->second));
    check(found->second.deadline <= now_);
    visitors_.erase(found);
  }
  void on(const protocol::reject& what) {
    check(has_ended_ || idle_.size() > limits_.size);
    check(idle_.erase(what.channel) == 1);
  }
  void on(const protocol::abandon& what) {
    check(has_ended_ && is_starting(what.visitor));
    visitors_.erase(what.visitor);
  }

  static bool is_waiting(const visitor& one) { return !one.starting && !one.will_be_refused; }

  [[nodiscard]] bool is_starting(std::uint64_t id) const {
    const auto found = visitors_.find(id);
    return found != visitors_.end() && found->second.starting;
  }

  // An id of any age and kind, possibly unknown.
  std::uint64_t some_id(fuzz_input& in) {
    return next_id_ - std::min<std::uint64_t>(next_id_, in.below(64));
  }

  protocol::pool_limits limits_;
  protocol::channel_pool pool_;
  time_point now_;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, visitor> visitors_;
  std::set<std::uint64_t> idle_;
  bool has_ended_ = false;
};

}  // namespace rathole::fuzz
