#pragma once

#include "check.hpp"
#include "failing_memory.hpp"
#include "fuzz_input.hpp"

#include <rathole/protocol/admission.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

namespace rathole::fuzz {

/// Drives an `admission` with the fuzzer's input and checks each result against a model.
class admission_run {
 public:
  explicit admission_run(protocol::admission_limits limits)
      : admission_(limits),
        total_(std::max<std::size_t>(limits.total, 1)),
        per_source_(std::max<std::size_t>(limits.per_source, 1)),
        most_(total_) {}

  void step(fuzz_input& in) {
    const std::size_t which = in.below(sources_.size());
    source& from = sources_[which];
    const std::string name = "source " + std::to_string(which);
    switch (in.below(8)) {
      case 0: {
        const std::size_t memory = in.below(4);
        if (!runs_out_of_memory(memory, [&] { admission_.exempt(name); })) ++from.exemptions;
        break;
      }
      case 1:
        if (from.exemptions == 0) break;
        check(!runs_out_of_memory(0, [&] { admission_.unexempt(name); }));
        --from.exemptions;
        break;
      case 2: {
        const std::uint64_t ticket = next_ - std::min<std::uint64_t>(next_, in.below(32));
        bool was_open = false;
        check(!runs_out_of_memory(0, [&] { was_open = admission_.release(ticket); }));
        check(was_open == forget(ticket));
        break;
      }
      case 3: {
        protocol::admission_limits limits;
        limits.total = in.below(16);
        limits.per_source = in.below(8);
        set_limits(limits);
        break;
      }
      case 4: check(admission_.uncounted() == next_++); break;
      default: admit(name, from, in.byte()); break;
    }
    check(admission_.size() == size() && size() <= most_);
    const auto is_known = [](const source& one) { return one.exemptions > 0 || !one.open.empty(); };
    const auto known = std::ranges::count_if(sources_, is_known);
    check(admission_.sources() == static_cast<std::size_t>(known));
  }

 private:
  struct source {
    std::set<std::uint64_t> open;
    std::size_t exemptions = 0;
  };

  // Connections that exceed new limits stay, but their number does not grow.
  void set_limits(protocol::admission_limits limits) {
    check(!runs_out_of_memory(0, [&] { admission_.set_limits(limits); }));
    total_ = std::max<std::size_t>(limits.total, 1);
    per_source_ = std::max<std::size_t>(limits.per_source, 1);
    most_ = std::max(total_, size());
  }

  // If memory runs out after `memory` allocations, nothing changes; the ticket is not used again.
  void admit(const std::string& name, source& from, std::size_t memory) {
    protocol::admission::verdict verdict{};
    const std::uint64_t ticket = next_++;
    if (runs_out_of_memory(memory, [&] { verdict = admission_.admit(name); })) return;
    check(verdict.admitted == ticket);
    from.open.insert(verdict.admitted);
    const bool is_over = from.exemptions == 0 && from.open.size() > per_source_;
    check(verdict.evicted.has_value() == (is_over || size() > total_));
    if (!verdict.evicted) return;
    // The oldest connection of the source above its own limit, or else of one with the highest
    // load.
    check(*verdict.evicted != verdict.admitted);
    const auto has_evicted = [&](const source& one) { return one.open.contains(*verdict.evicted); };
    const auto victim = std::ranges::find_if(sources_, has_evicted);
    check(victim != sources_.end() && *victim->open.begin() == *verdict.evicted);
    if (is_over) {
      check(&*victim == &from);
    } else {
      for (const source& one : sources_) check(load(one) <= load(*victim));
    }
    victim->open.erase(*verdict.evicted);
    most_ = std::max(total_, size());
  }

  [[nodiscard]] std::size_t load(const source& of) const {
    if (of.exemptions == 0 || of.open.empty()) return of.open.size();
    return of.open.size() > per_source_ ? of.open.size() - per_source_ : 1;
  }

  bool forget(std::uint64_t ticket) {
    return std::ranges::any_of(sources_, [&](source& one) { return one.open.erase(ticket) > 0; });
  }

  [[nodiscard]] std::size_t size() const {
    std::size_t out = 0;
    for (const source& one : sources_) out += one.open.size();
    return out;
  }

  protocol::admission admission_;
  std::size_t total_;
  std::size_t per_source_;
  /// The most connections that may be counted now.
  std::size_t most_;
  std::uint64_t next_ = 0;
  std::array<source, 5> sources_;
};

}  // namespace rathole::fuzz
