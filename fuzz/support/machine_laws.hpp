#pragma once

#include "check.hpp"
#include "fuzz_input.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/machine.hpp>

#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

/// The laws of the concept `Machine`, and that it acts on its deadlines, checked along a script of
/// deliveries, time and calls of the owner.
namespace rathole::fuzz {

/// The time at which every script begins.
inline constexpr time_point start{std::chrono::hours(1)};

/// The actions of a machine's owner; nothing by default.
struct no_owner {
  /// Called for each event.
  template <class M>
  void react(M&, const typename M::event&, time_point) const {}
  /// Called once after the first event.
  template <class M>
  void call(M&, time_point) const {}
};

/// One step of a script; without time and call it delivers `bytes`.
struct machine_step {
  enum class kind { deliver, to_deadline, pass, call } what;
  byte_view bytes = {};
  duration time = {};
};

/// Returns the steps that `in` encodes, one byte each for the kind and the argument.
inline std::vector<machine_step> machine_steps(fuzz_input& in) {
  std::vector<machine_step> out;
  while (!in.empty()) {
    switch (in.below(4)) {
      case 0: out.push_back({.what = machine_step::kind::deliver, .bytes = in.bytes()}); break;
      case 1:
        out.push_back({machine_step::kind::to_deadline, {}, duration(in.below(3)) - duration(1)});
        break;
      case 2: out.push_back({.what = machine_step::kind::pass, .time = in.time()}); break;
      default: out.push_back({.what = machine_step::kind::call}); break;
    }
  }
  return out;
}

/// Says how a delivery is split: the largest piece, and whether the owner polls after each.
struct cut {
  std::size_t size = std::numeric_limits<std::size_t>::max();
  bool settles = true;
};

/// Runs a machine through a script, checks at each step the laws that need one run only, and
/// records its observable behaviour.
template <Machine M, class Owner>
class machine_run {
 public:
  /// The observable state at the end of a step.
  struct view {
    std::vector<typename M::event> events;
    std::vector<std::uint8_t> sent;
    std::optional<time_point> deadline;
    std::size_t taken = 0;
    std::error_code error;
    bool operator==(const view&) const = default;
  };

  /// `bound` is the largest number of bytes that the machine reads without a poll, before any event
  /// if `Owner::discards`.
  machine_run(M machine, Owner owner, std::size_t bound)
      : machine_(std::move(machine)), owner_(owner), bound_(bound) {
    settle();
  }

  void run(const std::vector<machine_step>& steps, cut pieces) {
    for (const machine_step& step : steps) {
      if (seen_.error) return;
      const std::optional<time_point> due = machine_.deadline();
      const std::size_t events = seen_.events.size();
      switch (step.what) {
        case machine_step::kind::deliver: deliver(step.bytes, pieces); break;
        case machine_step::kind::to_deadline:
          now_ = std::max(now_, machine_.deadline().value_or(now_) + step.time);
          break;
        case machine_step::kind::pass: now_ += step.time; break;
        case machine_step::kind::call:
          if (!seen_.events.empty()) owner_.call(machine_, now_);
          break;
      }
      settle();
      const bool has_acted = seen_.error || !seen_.sent.empty() || seen_.events.size() > events;
      check(has_acted || !due || now_ < *due);
      seen_.deadline = machine_.deadline();
      // A delivery that ends in an error may have been read ahead.
      if (seen_.error) seen_.taken = 0;
      trace_.push_back(seen_);
      seen_.sent.clear();
    }
    check_bounded();
  }

  [[nodiscard]] const std::vector<view>& trace() const { return trace_; }

 private:
  void deliver(byte_view in, cut pieces) {
    while (!in.empty() && !seen_.error) {
      const byte_view piece = in.first(std::min(pieces.size, in.size()));
      const std::size_t wanted = machine_.wanted();
      const std::size_t taken = machine_.feed(piece);
      check(taken == std::min(wanted, piece.size()));
      seen_.taken += taken;
      pending_ += taken;
      check(pending_ <= bound_ || discards());
      in = in.subspan(taken);
      if (pieces.settles || taken == 0) settle();
      if (taken == 0 && machine_.wanted() == 0) return;
    }
  }

  // Polls until there is nothing more, and transmits.
  void settle() {
    pending_ = 0;
    while (!seen_.error) {
      auto polled = machine_.poll(now_);
      if (!polled) {
        seen_.error = polled.error();
        break;
      }
      if (!*polled) break;
      seen_.events.push_back(**polled);
      owner_.react(machine_, **polled, now_);
    }
    byte_buffer out;
    check(machine_.transmit(out) == !out.empty());
    seen_.sent.insert(seen_.sent.end(), out.data().begin(), out.data().end());
    check(!machine_.transmit(out));
    if (seen_.error) {
      check_terminal();
    } else {
      check_quiet();
    }
  }

  // Quiet fixpoint: nothing more until input or the deadline.
  void check_quiet() {
    const std::optional<time_point> deadline = machine_.deadline();
    check(!deadline || *deadline > now_);
    for (const time_point at : {now_, deadline ? *deadline - duration(1) : now_ + a_year}) {
      M copy = machine_;
      const auto polled = copy.poll(at);
      check(polled.has_value() && !polled->has_value());
      byte_buffer out;
      check(!copy.transmit(out));
    }
  }

  // Terminality: after an error every call returns that error, and nothing is sent or wanted.
  void check_terminal() {
    check(machine_.wanted() == 0 && machine_.feed(flood) == 0 && !machine_.deadline());
    for (const time_point at : {now_, now_ + a_year}) {
      const auto polled = machine_.poll(at);
      check(!polled && polled.error() == seen_.error);
    }
    byte_buffer out;
    check(!machine_.transmit(out));
  }

  // Bounded memory: without a poll the machine reads at most `bound` bytes, whatever is fed.
  void check_bounded() {
    check(machine_.wanted() <= flood.size());
    if (discards()) return;
    std::size_t taken = 0;
    for (int i = 0; i < 3; ++i) taken += machine_.feed(flood);
    check(taken <= bound_ && machine_.wanted() == 0);
  }

  [[nodiscard]] bool discards() const {
    return requires { requires Owner::discards; } && !seen_.events.empty();
  }

  static constexpr duration a_year = std::chrono::hours(24 * 365);
  static constexpr std::array<std::uint8_t, 4096> flood{};

  M machine_;
  Owner owner_;
  std::size_t bound_;
  time_point now_ = start;
  std::size_t pending_ = 0;
  view seen_;
  std::vector<view> trace_;
};

/// Checks all laws on the script that `in` encodes; its first byte is one way to split the
/// deliveries. Chunking invariance: any split gives the same trace.
template <Machine M, class Owner = no_owner>
void check_machine(const M& machine, fuzz_input& in, std::size_t bound, Owner owner = {}) {
  const std::uint8_t how = in.byte();
  const std::vector<machine_step> steps = machine_steps(in);
  machine_run<M, Owner> whole(machine, owner, bound);
  whole.run(steps, {});
  for (const cut pieces : {cut{1, true}, cut{1u + how / 2, how % 2 != 0}}) {
    machine_run<M, Owner> split(machine, owner, bound);
    split.run(steps, pieces);
    check(split.trace() == whole.trace());
  }
}

}  // namespace rathole::fuzz
