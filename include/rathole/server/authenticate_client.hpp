#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/io/run/handler_memory.hpp>
#include <rathole/io/task.hpp>
#include <rathole/protocol/authenticate.hpp>
#include <rathole/protocol/messages.hpp>
#include <rathole/server/hooks.hpp>

#include <asio/post.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

namespace rathole::server_side {

/// A question to an `authenticator` that has no answer yet. It lives on the control plane; once it
/// is destroyed, an answer has no effect.
class pending_authentication {
 public:
  /// Makes a question whose answer is passed to `decide` on `home`, at most once.
  pending_authentication(io::executor home, std::move_only_function<void(bool)> decide)
      : state_(std::make_shared<shared_state>(home, std::move(decide))) {}
  pending_authentication(const pending_authentication&) = delete;
  pending_authentication& operator=(const pending_authentication&) = delete;
  /// Ends the question.
  ~pending_authentication() {
    state_->is_over = true;
    state_->decide = nullptr;
    state_->ended.request_stop();
  }

  /// Asks `hook` about the client at `client` that wants to serve `service`. The answer is never
  /// used inside this call.
  void ask(authenticator& hook, const config::server_service& service, const address& client,
           const protocol::client_proof& proof) {
    try {
      hook(authentication_request(service.name, client, proof, state_->ended.get_token()),
           answer(state_));
    } catch (...) {
      // The answer was destroyed, which refuses the client.
    }
  }

 private:
  struct shared_state {
    shared_state(io::executor on, std::move_only_function<void(bool)> then)
        : home(on), decide(std::move(then)) {}
    io::executor home;
    /// Is used on `home` only.
    std::move_only_function<void(bool)> decide;
    std::atomic<bool> is_over = false;
    std::stop_source ended;
    io::handler_memory memory;
  };

  /// The answer that the hook gets; see `authentication_answer`.
  class answer {
   public:
    explicit answer(std::shared_ptr<shared_state> state) : state_(std::move(state)) {}
    answer(answer&&) noexcept = default;
    answer& operator=(answer&&) = delete;
    ~answer() { give(false); }
    void operator()(bool accepted) { give(accepted); }

   private:
    void give(bool accepted) {
      const auto state = std::exchange(state_, nullptr);
      if (!state || state->is_over) return;
      using memory_pointer = std::shared_ptr<io::handler_memory>;
      // There is one answer, so the memory of the state is free for it.
      asio::post(state->home,
                 io::memory_bound(memory_pointer(state, &state->memory), [state, accepted] {
                   if (auto decide = std::exchange(state->decide, nullptr)) decide(accepted);
                 }));
    }

    std::shared_ptr<shared_state> state_;
  };

  const std::shared_ptr<shared_state> state_;
};

/// Calls `approve` of `machine`, the `protocol::server_control` of a client that has sent its Auth,
/// if the client is accepted, otherwise `refuse`.
template <class Machine>
void decide(Machine& machine, bool accepted) {
  if (accepted) {
    machine.approve();
  } else {
    machine.refuse();
  }
}

/// Runs the control channel of a client that asks for `service`, null if that is unknown, until the
/// client is authenticated: by the program's hook if there is one, otherwise by the service's
/// token. `driver` runs `machine`, which sent `nonce` to the client at `client`. Fails with the error of
/// the machine or of the connection.
template <class Context, class Machine, class Driver>
io::task<void> authenticate_client(Context& self, const config::server_service* service,
                                   const address& client, const protocol::digest& nonce,
                                   Machine& machine, Driver& driver) {
  const auto arrived = co_await driver.next();
  if (!arrived) co_return failure(arrived.error());
  const protocol::client_proof proof(nonce, machine.auth());
  const auto answered = [&machine, &driver](bool accepted) {
    decide(machine, accepted);
    driver.wake();
  };
  std::optional<pending_authentication> asked;
  if (self.hooks->authenticate) {
    asked.emplace(self.runtime().get_executor(), answered);
    asked->ask(self.hooks->authenticate, *service, client, proof);
  } else {
    decide(machine, proof.matches(service->token));
  }
  const auto decided = co_await driver.next();
  if (!decided) co_return failure(decided.error());
  co_return result<void>{};
}

}  // namespace rathole::server_side
