#pragma once

#include <rathole/core/bandwidth_limit.hpp>
#include <rathole/core/byte_pacer.hpp>
#include <rathole/core/time.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace rathole::io {

/// The bandwidth that the connections of a service share, who wait for it in the order in which they came. All
/// functions may be called by any thread.
class bandwidth {
 public:
  /// The direction of bytes.
  enum class way {
    /// From visitors.
    in,
    /// To visitors.
    out
  };

  /// What one who asks gets: the right to pass bytes on, or how long to wait before asking again.
  using answer = std::variant<byte_pacer::grant, duration>;

  /// The place of one connection in the order, for one portion; its destructor gives it up.
  class turn {
   public:
    /// Will ask `shared` for bytes that go the way `of`.
    turn(std::shared_ptr<bandwidth> shared, way of) : shared_(std::move(shared)), way_(of) {}
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    /// Gives the place up.
    ~turn() {
      if (ticket_) shared_->leave(way_, *ticket_);
    }

    /// Asks at `now`. After a grant the place is given up. Throws `std::bad_alloc`.
    [[nodiscard]] answer ask(time_point now) { return shared_->ask(way_, ticket_, now); }

    /// Settles the grant with the bytes that were passed on; see `byte_pacer::settle`.
    void settle(const byte_pacer::grant& given, std::size_t bytes) {
      shared_->settle(way_, given, bytes);
    }

   private:
    std::shared_ptr<bandwidth> shared_;
    way way_;
    std::optional<std::uint64_t> ticket_;
  };

  /// Sets the limit, also for the connections that use it already.
  void set(const bandwidth_limit& limit) {
    const std::lock_guard held(guard_);
    in_.pacer.set_rate(limit.in);
    out_.pacer.set_rate(limit.out);
  }

 private:
  /// One direction.
  struct direction {
    byte_pacer pacer;
    /// The tickets of those who wait, which increase.
    std::vector<std::uint64_t> waiting;
    std::uint64_t next_ticket = 0;
  };

  answer ask(way of, std::optional<std::uint64_t>& ticket, time_point now) {
    const std::lock_guard held(guard_);
    direction& line = at(of);
    const auto place =
        ticket ? std::ranges::lower_bound(line.waiting, *ticket) : line.waiting.end();
    const auto ahead = static_cast<std::size_t>(place - line.waiting.begin());
    if (const auto given = line.pacer.ask(now, ahead)) {
      if (ticket) line.waiting.erase(place);
      ticket.reset();
      return *given;
    }
    if (!ticket) {
      line.waiting.push_back(line.next_ticket);
      ticket = line.next_ticket++;
    }
    return line.pacer.wait(now, ahead);
  }

  void settle(way of, const byte_pacer::grant& given, std::size_t bytes) {
    const std::lock_guard held(guard_);
    at(of).pacer.settle(given, bytes);
  }

  void leave(way of, std::uint64_t ticket) {
    const std::lock_guard held(guard_);
    direction& line = at(of);
    line.waiting.erase(std::ranges::lower_bound(line.waiting, ticket));
  }

  direction& at(way of) { return of == way::in ? in_ : out_; }

  std::mutex guard_;
  direction in_;
  direction out_;
};

}  // namespace rathole::io
