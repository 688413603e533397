#pragma once

#include "property.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/hex.hpp>
#include <rathole/core/machine.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <system_error>
#include <vector>

/// The laws of the concept `Machine`, as properties of any machine.
namespace rathole::test::laws {

/// The times of a run; all before any deadline of the tested machines.
inline constexpr time_point now{std::chrono::hours(1)};

/// The owner's reaction to an event; nothing by default.
struct no_reaction {
  template <class M>
  void operator()(M&, const typename M::event&) const {}
};

/// The observable behaviour of a machine.
template <Machine M>
struct trace {
  std::vector<typename M::event> events;
  std::string sent;
  /// Is compared only if there is no error, because a stream that ends in an error may be read
  /// ahead.
  std::size_t taken = 0;
  std::error_code error;
  bool operator==(const trace&) const = default;
  friend std::ostream& operator<<(std::ostream& out, const trace& in) {
    return out << in.events.size() << " events, " << in.taken << " bytes taken, sent " << in.sent
               << ", " << in.error;
  }
};

/// Runs a machine and checks, at each step, the laws that need one run only.
template <Machine M, class React>
class runner {
 public:
  runner(M machine, React react) : machine_(std::move(machine)), react_(react) { settle(); }

  /// Feeds once, as much as the machine wants of `in`; returns how much it took.
  std::size_t feed(byte_view in) {
    const std::size_t wanted = machine_.wanted();
    const std::size_t taken = machine_.feed(in);
    RC_ASSERT(taken == std::min(wanted, in.size()));
    trace_.taken += taken;
    return taken;
  }

  /// Polls until there is nothing more, and transmits.
  void settle() {
    while (!trace_.error) {
      const auto polled = machine_.poll(now);
      if (!polled) {
        trace_.error = polled.error();
        break;
      }
      if (!*polled) break;
      trace_.events.push_back(**polled);
      react_(machine_, **polled);
    }
    transmit();
    if (trace_.error) {
      trace_.taken = 0;
      check_terminal();
    } else {
      check_quiet();
    }
  }

  [[nodiscard]] const trace<M>& seen() const { return trace_; }
  [[nodiscard]] bool wants() const { return machine_.wanted() > 0; }

 private:
  void transmit() {
    byte_buffer out;
    const bool any = machine_.transmit(out);
    RC_ASSERT(any == !out.empty());
    trace_.sent += to_hex(out.data());
    RC_ASSERT(!machine_.transmit(out));
  }

  // Quiet fixpoint: nothing more until input or the deadline.
  void check_quiet() {
    const std::optional<time_point> deadline = machine_.deadline();
    RC_ASSERT(deadline.value_or(time_point::max()) > now);
    const time_point later = deadline ? *deadline - duration(1) : now + std::chrono::hours(1000);
    for (const time_point at : {now, later}) {
      // A machine polled at `later` may count from there; polling a copy keeps this run at `now`.
      M copy = machine_;
      const auto polled = copy.poll(at);
      RC_ASSERT(polled.has_value());
      RC_ASSERT(!polled->has_value());
      byte_buffer out;
      RC_ASSERT(!copy.transmit(out));
    }
  }

  // Terminality: after an error every call returns that error, and nothing is sent or wanted.
  void check_terminal() {
    RC_ASSERT(machine_.wanted() == 0u);
    RC_ASSERT(machine_.feed(byte_vector(64)) == 0u);
    RC_ASSERT(!machine_.deadline());
    for (const time_point at : {now, now + std::chrono::hours(1000)}) {
      const auto polled = machine_.poll(at);
      RC_ASSERT(!polled.has_value());
      RC_ASSERT(polled.error() == trace_.error);
    }
    byte_buffer out;
    RC_ASSERT(!machine_.transmit(out));
  }

  M machine_;
  React react_;
  trace<M> trace_;
};

/// Describes one delivery: its largest number of bytes, and whether the owner polls after it.
struct delivery {
  std::size_t size;
  bool settles;
};

/// Returns a few ways to split an input.
inline rc::Gen<std::vector<delivery>> any_deliveries() {
  return rc::gen::container<std::vector<delivery>>(rc::gen::map(
      rc::gen::inRange<int>(0, 80),
      [](int n) { return delivery{static_cast<std::size_t>(n / 2 + 1), n % 2 == 0}; }));
}

/// Feeds `input` as far as the machine reads, split as `deliveries` says, repeatedly; in one piece
/// if there are none.
template <Machine M, class React>
trace<M> run(M machine, React react, byte_view input, const std::vector<delivery>& deliveries) {
  runner<M, React> steps(std::move(machine), react);
  for (std::size_t i = 0; !input.empty() && !steps.seen().error; ++i) {
    delivery next{input.size(), true};
    if (!deliveries.empty()) next = deliveries[i % deliveries.size()];
    const std::size_t taken = steps.feed(input.first(std::min(next.size, input.size())));
    input = input.subspan(taken);
    if (next.settles || taken == 0) steps.settle();
    if (taken == 0 && !steps.wants()) break;
  }
  steps.settle();
  return steps.seen();
}

/// Chunking invariance, quiet fixpoint and terminality on one input.
template <Machine M, class React = no_reaction>
void check(const M& machine, byte_view input, React react = {}) {
  const trace<M> whole = run(machine, react, input, {});
  RC_ASSERT(run(machine, react, input, {{1, true}}) == whole);
  const std::vector<delivery> deliveries = *any_deliveries();
  RC_ASSERT(run(machine, react, input, deliveries) == whole);
}

/// Bounded memory: without a poll, the machine reads at most `bound` bytes, whatever is fed.
template <Machine M>
void check_bounded(M machine, std::size_t bound) {
  std::size_t taken = 0;
  for (int i = 0; i < 10; ++i) taken += machine.feed(byte_vector(4096));
  RC_ASSERT(taken <= bound);
  RC_ASSERT(machine.wanted() == 0u);
}

}  // namespace rathole::test::laws
