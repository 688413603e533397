#pragma once

#include "check.hpp"
#include "fuzz_input.hpp"

#include <rathole/protocol/udp_slots.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <set>

namespace rathole::fuzz {

/// Drives `udp_slots` with the fuzzer's input and checks what its owner relies on: no slot is given
/// twice, each one that waits has one request, each one without a channel gets one later, and
/// surplus ones end.
class slots_run {
 public:
  /// Performs one event, and the actions that follow.
  void step(fuzz_input& in) {
    switch (in.below(8)) {
      case 0:
      case 1: arrive(); break;
      case 2: {
        const auto slot = some_of(starting_, in);
        if (!slot) break;
        const bool is_surplus = slots_.size() > size_;
        check(slots_.started(*slot) != is_surplus);
        starting_.erase(*slot);
        if (!is_surplus) carrying_.insert(*slot);
        break;
      }
      case 3: {
        const auto slot = some_of(starting_, in);
        if (!slot) break;
        fail(*slot, in);
        break;
      }
      case 4: {
        const auto slot = some_of(carrying_, in);
        const duration lived = in.time();
        if (!slot) break;
        slots_.channel_lost(*slot, now_, lived, rng(in));
        carrying_.erase(*slot);
        attempts_.erase(*slot);
        break;
      }
      case 5:
        size_ = in.below(6);
        largest_ = std::max(largest_, size_);
        slots_.set_size(size_);
        break;
      case 6: report_wrongly(in); break;
      default:
        now_ += in.time();
        if (in.flag()) now_ = std::max(now_, slots_.deadline().value_or(now_));
        break;
    }
    settle();
  }

  /// Ends the session, and checks that nothing is left, whatever is still reported.
  void finish(fuzz_input& in) {
    slots_.stop();
    check(slots_.size() == 0);
    for (const protocol::slot_id each : starting_) check(!slots_.started(each));
    for (const protocol::slot_id each : carrying_) {
      slots_.channel_lost(each, now_, duration::zero(), rng(in));
    }
    slots_.set_size(5);
    check(!slots_.channel_arrived());
    check(!slots_.poll(now_) && !slots_.deadline() && slots_.size() == 0);
    check(slots_.counts() == protocol::channel_counts{});
  }

 private:
  /// Draws the fuzzer's input.
  struct input_rng {
    fuzz_input* in;
    void fill(byte_span out) const {
      for (std::uint8_t& each : out) each = in->byte();
    }
  };
  input_rng& rng(fuzz_input& in) { return rng_ = {&in}; }

  void arrive() {
    const protocol::channel_counts before = slots_.counts();
    const auto slot = slots_.channel_arrived();
    check(slot.has_value() == (before.waiting > 0));
    if (!slot) return;
    check(!carrying_.contains(*slot) && starting_.insert(*slot).second);
    ++attempts_[*slot];
  }

  // A slot waits again at once, unless too many channels in a row did not start.
  void fail(protocol::slot_id slot, fuzz_input& in) {
    const std::size_t before = slots_.counts().waiting;
    slots_.start_failed(slot, now_, rng(in));
    starting_.erase(slot);
    const bool is_last = attempts_[slot] == protocol::max_start_attempts;
    if (is_last) attempts_.erase(slot);
    check(slots_.counts().waiting == before + (is_last ? 0 : 1));
  }

  // Reports that do not fit the state of the slot do nothing.
  void report_wrongly(fuzz_input& in) {
    const protocol::slot_id slot = in.below(32);
    const protocol::channel_counts before = slots_.counts();
    const std::size_t size = slots_.size();
    if (!starting_.contains(slot)) {
      check(!slots_.started(slot));
      slots_.start_failed(slot, now_, rng(in));
    }
    if (!carrying_.contains(slot)) slots_.channel_lost(slot, now_, duration::zero(), rng(in));
    check(slots_.counts() == before && slots_.size() == size);
  }

  void settle() {
    while (slots_.poll(now_)) check(slots_.counts().outstanding <= slots_.counts().waiting);
    const protocol::channel_counts counts = slots_.counts();
    check(counts.outstanding == counts.waiting && counts.idle == 0);
    check(counts.starting == starting_.size());
    check(slots_.size() >= size_ && slots_.size() <= largest_);
    check(slots_.size() >= counts.waiting + counts.starting + carrying_.size());
    const auto deadline = slots_.deadline();
    check(!deadline || *deadline > now_);
    // The slots that have no channel are waited for.
    check(deadline || slots_.size() == counts.starting + carrying_.size());
    check(!deadline || *deadline <= now_ + protocol::default_request_timeout);
  }

  static std::optional<protocol::slot_id> some_of(const std::set<protocol::slot_id>& from,
                                                  fuzz_input& in) {
    const std::size_t which = in.byte();
    if (from.empty()) return std::nullopt;
    return *std::next(from.begin(), static_cast<std::ptrdiff_t>(which % from.size()));
  }

  input_rng rng_{nullptr};
  protocol::udp_slots slots_;
  time_point now_{std::chrono::hours(1)};
  std::size_t size_ = 0;
  std::size_t largest_ = 0;
  std::set<protocol::slot_id> starting_;
  std::set<protocol::slot_id> carrying_;
  /// How many channels of a slot were started in a row.
  std::map<protocol::slot_id, unsigned> attempts_;
};

}  // namespace rathole::fuzz
