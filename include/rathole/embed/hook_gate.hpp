#pragma once

#include <rathole/core/address.hpp>
#include <rathole/server/hooks.hpp>
#include <rathole/version.hpp>

#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

/// Lets the hooks of a server be called until the server is destroyed, like its observer.
class hook_gate {
 public:
  /// Makes an open gate.
  hook_gate() = default;
  hook_gate(const hook_gate&) = delete;
  hook_gate& operator=(const hook_gate&) = delete;

  /// Lets no hook be called from now on: visitors and clients are refused. May be called by any
  /// thread, also by a hook; waits for a call of a hook on another thread.
  void close() {
    const std::lock_guard lock(mutex_);
    is_open_ = false;
  }

  /// Returns `hooks` behind `gate`.
  static server_side::server_hooks guard(const std::shared_ptr<hook_gate>& gate,
                                         server_side::server_hooks hooks) {
    server_side::server_hooks out;
    out.draining = std::move(hooks.draining);
    if (hooks.accepts_visitor) {
      out.accepts_visitor = [gate, ask = std::move(hooks.accepts_visitor)](
                                std::string_view service, const address& visitor) mutable {
        const std::lock_guard lock(gate->mutex_);
        return gate->is_open_ && ask(service, visitor);
      };
    }
    if (hooks.authenticate) {
      out.authenticate = [gate, ask = std::move(hooks.authenticate)](
                             server_side::authentication_request request,
                             server_side::authentication_answer answer) mutable {
        const std::lock_guard lock(gate->mutex_);
        // Without an answer the client is refused.
        if (gate->is_open_) ask(std::move(request), std::move(answer));
      };
    }
    return out;
  }

 private:
  // A hook may destroy the server.
  std::recursive_mutex mutex_;
  bool is_open_ = true;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
