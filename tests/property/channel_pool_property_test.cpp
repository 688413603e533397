#include "../support/property.hpp"

#include <rathole/protocol/channel_pool.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using protocol::channel_pool;
using protocol::pool_action;
using protocol::pool_limits;

/// A simple model of `channel_pool`, with lists that are searched from front to back.
class list_pool {
 public:
  explicit list_pool(pool_limits limits) { set_limits(limits); }

  void set_limits(pool_limits limits) {
    limits_ = limits;
    limits_.size = std::min(limits_.size, limits_.max_idle);
    held_ = std::min(held_, limits_.size);
    unanswered_ = std::min(unanswered_, limits_.size);
    const std::size_t room = limits_.size > 0 ? limits_.max_idle - limits_.size : 0;
    most_extra_ = std::min(limits_.max_growth, room);
    keep_extra(std::min(extra_, most_extra_));
  }

  void visitor_arrived(std::uint64_t id, time_point now) {
    if (ended_) {
      due_.push_back(protocol::refuse{id, *ended_});
    } else if (visitors_.size() >= limits_.max_waiting_visitors) {
      due_.push_back(protocol::refuse{id, errc::limit_reached});
    } else {
      visitors_.push_back({id, now, 0, false, 0});
      if (idle_.empty()) extra_ = std::min(extra_ + 1, most_extra_);
    }
  }
  void channel_arrived(std::uint64_t id) {
    idle_.push_back(id);
    unanswered_ = 0;
    unanswered_pause_ = {};
    unanswered_until_ = {};
    if (!requests_.empty()) requests_.erase(requests_.begin());
  }
  void channel_lost(std::uint64_t id) { lost_ += unabsorbed(std::erase(idle_, id)); }
  void started(std::uint64_t id) {
    std::erase_if(visitors_, [&](const visitor& v) { return v.id == id && v.starting; });
  }
  void start_failed(std::uint64_t id, std::error_code cause) {
    for (visitor& v : visitors_) {
      if (v.id != id || !v.starting) continue;
      v.starting = false;
      if (v.attempts < protocol::max_start_attempts) return;
      due_.push_back(protocol::refuse{id, cause});
      std::erase_if(visitors_, [&](const visitor& other) { return other.id == id; });
      return;
    }
  }

  std::optional<std::uint64_t> visitor_left(std::uint64_t id) {
    std::optional<std::uint64_t> out;
    for (const visitor& v : visitors_) {
      if (v.id == id && v.starting) out = v.channel;
    }
    std::erase_if(visitors_, [&](const visitor& v) { return v.id == id; });
    std::erase_if(due_, [&](const pool_action& each) {
      const auto* refused = std::get_if<protocol::refuse>(&each);
      return refused && refused->visitor == id;
    });
    return out;
  }

  void stop(std::error_code reason) {
    ended_ = reason;
    requests_.clear();
  }

  std::vector<pool_action> drain(time_point now) {
    if (ended_) return give_up();
    if (now >= pause_end_) held_ = 0;
    if (lost_ > 0 && now >= pause_end_) {
      losses_in_row_ = now >= pause_end_ + protocol::loss_window ? 0 : losses_in_row_ + 1;
      duration pause{};
      for (int i = 0; i < losses_in_row_; ++i) {
        pause = i == 0 ? protocol::replacement_pause
                       : std::min(2 * pause, protocol::max_replacement_pause);
      }
      pause_end_ = now + pause;
    }
    if (now < pause_end_) held_ = std::min(held_ + lost_, limits_.size);
    lost_ = 0;
    least_idle_ = shrink_at_ ? std::min(least_idle_, idle_.size()) : idle_.size();
    if (extra_ > 0 && now >= shrink_at_.value_or(now)) {
      const std::size_t unused = shrink_at_ ? std::min(least_idle_, extra_) : 0;
      shrink_at_ = now + protocol::pool_shrink_interval;
      least_idle_ = idle_.size();
      keep_extra(extra_ - (unused + 1) / 2);
    }
    std::vector<pool_action> out = std::exchange(due_, {});
    for (visitor& v : visitors_) {
      if (v.starting || idle_.empty()) continue;
      v.starting = true;
      ++v.attempts;
      v.channel = idle_.front();
      out.push_back(protocol::assign{v.id, idle_.front()});
      idle_.erase(idle_.begin());
    }
    const auto is_late = [&](const visitor& v) { return !v.starting && deadline_of(v) <= now; };
    for (const visitor& v : visitors_) {
      if (is_late(v)) out.push_back(protocol::expire{v.id});
    }
    std::erase_if(visitors_, is_late);
    for (; idle_.size() > limits_.max_idle; idle_.pop_back()) {
      out.push_back(protocol::reject{idle_.back()});
    }
    const std::size_t late = unabsorbed(std::erase_if(
        requests_, [&](time_point at) { return at + limits_.request_timeout <= now; }));
    if (late > 0 && now >= unanswered_until_) {
      unanswered_until_ = now + unanswered_pause_;
      unanswered_pause_ = std::min(std::max(2 * unanswered_pause_, limits_.request_timeout),
                                   protocol::max_unanswered_pause);
    }
    unanswered_ = now >= unanswered_until_ ? 0 : std::min(unanswered_ + late, limits_.size);
    const std::size_t held_back = std::min(held(), limits_.size);
    while (requests_.size() + idle_.size() < limits_.size - held_back + extra_ + waiting()) {
      requests_.push_back(now);
      out.push_back(protocol::request_channel{});
    }
    for (; requests_.empty() && idle_.size() > limits_.size + extra_; idle_.pop_back()) {
      out.push_back(protocol::reject{idle_.back()});
    }
    least_idle_ = std::min(least_idle_, idle_.size());
    return out;
  }

  std::optional<time_point> deadline() const {
    if (ended_) return std::nullopt;
    std::set<time_point> all;
    for (const visitor& v : visitors_) {
      if (!v.starting) all.insert(deadline_of(v));
    }
    for (const time_point at : requests_) all.insert(at + limits_.request_timeout);
    if (held_ > 0) all.insert(pause_end_);
    if (unanswered_ > 0) all.insert(unanswered_until_);
    if (shrink_at_) all.insert(*shrink_at_);
    return all.empty() ? std::nullopt : std::optional(*all.begin());
  }

  std::size_t waiting() const {
    return static_cast<std::size_t>(std::ranges::count(visitors_, false, &visitor::starting));
  }
  std::size_t idle() const { return idle_.size(); }
  std::size_t outstanding() const { return requests_.size(); }
  std::size_t held() const { return held_ + unanswered_; }

 private:
  struct visitor {
    std::uint64_t id;
    time_point arrived;
    unsigned attempts;
    bool starting;
    std::uint64_t channel;
  };

  std::vector<pool_action> give_up() {
    std::vector<pool_action> out;
    for (const std::uint64_t id : idle_) out.push_back(protocol::reject{id});
    for (const visitor& v : visitors_) {
      if (v.starting) out.push_back(protocol::abandon{v.id, v.channel, *ended_});
    }
    for (const pool_action& each : due_) out.push_back(each);
    for (const visitor& v : visitors_) {
      if (!v.starting) out.push_back(protocol::refuse{v.id, *ended_});
    }
    idle_.clear();
    visitors_.clear();
    due_.clear();
    return out;
  }

  void keep_extra(std::size_t extra) {
    extra_ = extra;
    if (extra == 0) shrink_at_.reset();
  }
  std::size_t unabsorbed(std::size_t channels) {
    const std::size_t absorbed = std::min(channels, extra_);
    keep_extra(extra_ - absorbed);
    return channels - absorbed;
  }

  time_point deadline_of(const visitor& v) const { return v.arrived + limits_.visitor_timeout; }

  pool_limits limits_;
  std::vector<visitor> visitors_;
  std::vector<std::uint64_t> idle_;
  std::vector<time_point> requests_;
  std::vector<pool_action> due_;
  std::size_t lost_ = 0;
  std::size_t held_ = 0;
  int losses_in_row_ = 0;
  time_point pause_end_{};
  std::size_t unanswered_ = 0;
  duration unanswered_pause_{};
  time_point unanswered_until_{};
  std::size_t most_extra_ = 0;
  std::size_t extra_ = 0;
  std::size_t least_idle_ = 0;
  std::optional<time_point> shrink_at_;
  std::optional<std::error_code> ended_;
};

pool_limits any_limits() {
  pool_limits out;
  out.size = *rc::gen::inRange<std::size_t>(0, 5);
  out.max_growth = *rc::gen::inRange<std::size_t>(0, 4);
  out.max_idle = *rc::gen::inRange<std::size_t>(0, 8);
  out.max_waiting_visitors = *rc::gen::inRange<std::size_t>(0, 6);
  out.visitor_timeout = std::chrono::seconds(*rc::gen::inRange(1, 10));
  out.request_timeout = std::chrono::seconds(*rc::gen::inRange(1, 10));
  return out;
}

const std::error_code dead = make_error_code(errc::end_of_stream);

std::vector<pool_action> drain(channel_pool& pool, time_point now) {
  std::vector<pool_action> out;
  while (const auto action = pool.poll(now)) out.push_back(*action);
  return out;
}

TEST_CASE("channel_pool matches a simple model and keeps its bounds, which may change") {
  RATHOLE_PROPERTY("channel_pool", [] {
    pool_limits limits = any_limits();
    // The widest limits so far, because no visitor already accepted is refused.
    pool_limits widest = limits;
    channel_pool pool(limits);
    list_pool model(limits);
    time_point now{1h};
    std::uint64_t next_id = 1;
    std::set<std::uint64_t> served_channels;
    std::vector<std::uint64_t> assigned{0};

    const int steps = *rc::gen::inRange(0, 200);
    const int end = *rc::gen::inRange(0, 400);
    for (int i = 0; i < steps; ++i) {
      if (i == end) {
        pool.stop(dead);
        model.stop(dead);
      }
      // Draws ids of all ages and kinds, including unknown ones; often those of assigned visitors.
      const std::uint64_t oldest = next_id > 12 ? next_id - 12 : 0;
      const auto some_id = *rc::gen::inRange(oldest, next_id);
      const auto some_visitor = *rc::gen::inRange(0, 4) == 0 ? some_id : assigned.back();
      switch (*rc::gen::inRange(0, 14)) {
        case 0:
        case 1:
        case 2:
          pool.visitor_arrived(next_id, now);
          model.visitor_arrived(next_id++, now);
          break;
        case 3:
        case 4:
          pool.channel_arrived(next_id);
          model.channel_arrived(next_id++);
          break;
        case 5:
        case 6:
          pool.channel_lost(some_id);
          model.channel_lost(some_id);
          break;
        case 7:
          pool.started(some_visitor);
          model.started(some_visitor);
          break;
        case 8:
        case 9:
        case 10:
          pool.start_failed(some_visitor, dead);
          model.start_failed(some_visitor, dead);
          break;
        case 11:
          RC_ASSERT(pool.visitor_left(some_visitor) == model.visitor_left(some_visitor));
          break;
        case 12:
          limits = any_limits();
          pool.set_limits(limits);
          model.set_limits(limits);
          widest.size = std::max(widest.size, limits.size);
          widest.max_growth = std::max(widest.max_growth, limits.max_growth);
          widest.max_idle = std::max(widest.max_idle, limits.max_idle);
          widest.max_waiting_visitors =
              std::max(widest.max_waiting_visitors, limits.max_waiting_visitors);
          break;
        default:
          now += std::chrono::milliseconds(*rc::gen::inRange(0, 4'000));
          if (pool.deadline() && *rc::gen::arbitrary<bool>()) now = std::max(now, *pool.deadline());
          break;
      }
      if (*rc::gen::inRange(0, 4) == 0) continue;

      const std::vector<pool_action> actions = drain(pool, now);
      RC_ASSERT(actions == model.drain(now));
      RC_ASSERT(drain(pool, now).empty());
      for (const pool_action& action : actions) {
        const auto* matched = std::get_if<protocol::assign>(&action);
        if (!matched) continue;
        RC_ASSERT(served_channels.insert(matched->channel).second);
        assigned.push_back(matched->visitor);
      }

      RC_ASSERT(pool.deadline() == model.deadline());
      RC_ASSERT(pool.deadline().value_or(time_point::max()) > now);
      RC_ASSERT(pool.waiting() == model.waiting());
      RC_ASSERT(pool.idle() == model.idle());
      RC_ASSERT(pool.outstanding() == model.outstanding());
      RC_ASSERT(std::min(pool.waiting(), pool.idle()) == 0u);
      RC_ASSERT(pool.idle() <= limits.max_idle);
      RC_ASSERT(pool.waiting() + pool.starting() <= widest.max_waiting_visitors);
      RC_ASSERT(pool.outstanding() <= widest.max_outstanding());
      if (i >= end) continue;
      RC_ASSERT(pool.outstanding() + pool.idle() + model.held() >=
                std::min(limits.size, limits.max_idle) + pool.waiting());
    }
  });
}

/// Checks what an owner of a `channel_pool` relies on, from the actions alone.
class pool_laws {
 public:
  explicit pool_laws(pool_limits limits) : limits_(limits), pool_(limits) {}

  /// Performs one random event.
  void step() {
    switch (*rc::gen::inRange(0, 10)) {
      case 0:
      case 1:
        waiting_.insert(next_id_);
        pool_.visitor_arrived(next_id_++, now_);
        break;
      case 2:
      case 3:
        idle_.insert(next_id_);
        pool_.channel_arrived(next_id_++);
        break;
      case 4:
        if (idle_.empty()) break;
        pool_.channel_lost(*idle_.begin());
        idle_.erase(idle_.begin());
        break;
      case 5:
        if (const auto visitor = take_starting()) pool_.started(*visitor);
        break;
      case 6:
        if (const auto visitor = take_starting()) {
          pool_.start_failed(*visitor, dead);
          waiting_.insert(*visitor);
        }
        break;
      case 7:
        if (starting_.empty()) break;
        RC_ASSERT(pool_.visitor_left(starting_.begin()->first) == starting_.begin()->second);
        starting_.erase(starting_.begin());
        break;
      case 8:
        if (waiting_.empty()) break;
        RC_ASSERT(!pool_.visitor_left(*waiting_.begin()));
        waiting_.erase(waiting_.begin());
        break;
      default: now_ = std::max(now_, pool_.deadline().value_or(now_ + 1s)); break;
    }
    settle();
  }

  /// Ends the session; afterwards nothing may be left.
  void finish() {
    pool_.stop(dead);
    settle();
    RC_ASSERT(pool_.counts() == protocol::channel_counts{});
    RC_ASSERT(waiting_.empty() && starting_.empty() && idle_.empty());
    RC_ASSERT(!pool_.deadline());
  }

 private:
  std::optional<std::uint64_t> take_starting() {
    if (starting_.empty()) return std::nullopt;
    const std::uint64_t visitor = starting_.begin()->first;
    starting_.erase(starting_.begin());
    return visitor;
  }

  void settle() {
    while (const auto action = pool_.poll(now_)) {
      std::visit([this](const auto& what) { on(what); }, *action);
    }
    RC_ASSERT(pool_.waiting() == waiting_.size());
    RC_ASSERT(pool_.starting() == starting_.size());
    RC_ASSERT(pool_.idle() == idle_.size());
    // No request without a use for it, and no more than the limits allow.
    RC_ASSERT(pool_.outstanding() <= limits_.max_outstanding());
    RC_ASSERT(pool_.waiting() + pool_.starting() <= limits_.max_waiting_visitors);
    RC_ASSERT(pool_.idle() <= limits_.max_idle);
  }

  // Each visitor and channel is in exactly one set, so it can be assigned or closed only once.
  void on(const protocol::assign& what) {
    RC_ASSERT(waiting_.erase(what.visitor) == 1u);
    RC_ASSERT(idle_.erase(what.channel) == 1u);
    starting_.emplace(what.visitor, what.channel);
  }
  void on(const protocol::request_channel&) const {
    RC_ASSERT(pool_.outstanding() + pool_.idle() <=
              std::min(limits_.size + limits_.max_growth, limits_.max_idle) + pool_.waiting());
  }
  void on(const protocol::refuse& what) { RC_ASSERT(waiting_.erase(what.visitor) == 1u); }
  void on(const protocol::expire& what) { RC_ASSERT(waiting_.erase(what.visitor) == 1u); }
  void on(const protocol::reject& what) { RC_ASSERT(idle_.erase(what.channel) == 1u); }
  void on(const protocol::abandon& what) {
    const auto found = starting_.find(what.visitor);
    RC_ASSERT(found != starting_.end());
    RC_ASSERT(found->second == what.channel);
    starting_.erase(found);
  }

  const pool_limits limits_;
  channel_pool pool_;
  time_point now_{1h};
  std::uint64_t next_id_ = 1;
  std::set<std::uint64_t> waiting_;
  std::map<std::uint64_t, std::uint64_t> starting_;
  std::set<std::uint64_t> idle_;
};

TEST_CASE(
    "channel_pool: each visitor gets one channel, time-out, refusal or end, each channel one") {
  RATHOLE_PROPERTY("channel_pool laws", [] {
    pool_laws laws(any_limits());
    for (int left = *rc::gen::inRange(0, 100); left > 0; --left) laws.step();
    laws.finish();
  });
}

}  // namespace
}  // namespace rathole::test
