#pragma once

#include <rathole/core/byte_pacer.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/pace/bandwidth.hpp>
#include <rathole/io/time/deadline_timer.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

namespace rathole::io {

/// The pace of a direction of a relay that has no limit.
struct no_pace {
  /// Whether there is a limit.
  static constexpr bool is_limited = false;
  /// Returns whether the direction waits for its turn, which it never does.
  [[nodiscard]] static constexpr bool is_waiting() { return false; }
};

/// The pace of a direction of a relay whose bytes share a `bandwidth`. A direction that must wait has a place in
/// the order and a timer.
template <Runtime R>
class flow_pace {
 public:
  /// Whether there is a limit.
  static constexpr bool is_limited = true;

  /// Makes the pace of bytes of `runtime` that go the way `of` and share `limit`.
  flow_pace(const R& runtime, std::shared_ptr<bandwidth> limit, bandwidth::way of)
      : runtime_(runtime), turn_(std::move(limit), of) {}

  /// Returns the right to pass bytes on now, which must be settled. Without a value it is not the turn of this
  /// direction: it waits, and `again` is called once when it should ask again. Throws `std::bad_alloc`.
  [[nodiscard]] std::optional<byte_pacer::grant> ask(std::move_only_function<void()> again) {
    const auto asked = turn_.ask(runtime_.now());
    if (const auto* given = std::get_if<byte_pacer::grant>(&asked)) return *given;
    is_waiting_ = true;
    timer_.set(runtime_.now() + std::get<duration>(asked),
               [this, act = std::move(again)]() mutable {
                 is_waiting_ = false;
                 act();
               });
    return std::nullopt;
  }

  /// Settles the grant with the bytes that were passed on; see `byte_pacer::settle`.
  void settle(const byte_pacer::grant& given, std::size_t bytes) { turn_.settle(given, bytes); }

  /// Returns whether the direction waits for its turn.
  [[nodiscard]] bool is_waiting() const { return is_waiting_; }

 private:
  R runtime_;
  bandwidth::turn turn_;
  deadline_timer<R> timer_{runtime_};
  bool is_waiting_ = false;
};

}  // namespace rathole::io
