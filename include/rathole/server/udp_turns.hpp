#pragma once

#include <rathole/io/run/event.hpp>
#include <rathole/io/task.hpp>

#include <stop_token>
#include <utility>

namespace rathole::server_side {

/// The order in which the server halves of UDP services start to listen. A half that is stopped
/// closes its sockets on the thread that owns them; a later half, which may need the same
/// addresses, waits until they are closed. Must be used on the control plane's thread.
class udp_turns {
 public:
  /// The position of one UDP service in the order, from `enter` to `leave`.
  class turn {
   public:
    /// Makes a position in `all`, which outlives it; `home` is the executor of the control plane.
    turn(udp_turns& all, io::executor home) : all_(all), wake_(home) {}
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    /// Leaves the order without a notification of the others.
    ~turn() { unlink(); }

    /// Enters the order as the last one. A request of `ending` makes the half close its sockets.
    void enter(std::stop_token ending) {
      ending_ = std::move(ending);
      before_ = std::exchange(all_.last_, this);
      if (before_) before_->after_ = this;
      is_linked_ = true;
    }

    /// Returns once no half that entered before is still closing its sockets.
    io::awaitable<void> wait() {
      while (is_closing_before()) co_await wake_.wait();
    }

    /// Leaves the order, because the sockets are closed.
    void leave() {
      for (turn* each = after_; each; each = each->after_) each->wake_.notify();
      unlink();
    }

   private:
    [[nodiscard]] bool is_closing_before() const {
      for (const turn* each = before_; each; each = each->before_) {
        if (each->ending_.stop_requested()) return true;
      }
      return false;
    }

    void unlink() {
      if (!std::exchange(is_linked_, false)) return;
      if (before_) before_->after_ = after_;
      (after_ ? after_->before_ : all_.last_) = before_;
      before_ = after_ = nullptr;
    }

    udp_turns& all_;
    io::event wake_;
    std::stop_token ending_;
    turn* before_ = nullptr;
    turn* after_ = nullptr;
    bool is_linked_ = false;
  };

 private:
  turn* last_ = nullptr;
};

}  // namespace rathole::server_side
