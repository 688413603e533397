#pragma once

#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/run/run_on.hpp>
#include <rathole/io/time/alarm.hpp>
#include <rathole/protocol/channel_pool.hpp>
#include <rathole/protocol/descriptor_budget.hpp>

#include <memory>
#include <new>
#include <utility>

namespace rathole::server {

/// Holds the coroutines of a `control_session` that are about the slots of a UDP service.
struct udp_slot_runner {
  /// Carries datagrams on the data channel of a slot until it ends, and then replaces it.
  template <class Session>
  static io::awaitable<void> run_channel(std::shared_ptr<Session> self, protocol::visitor_id slot,
                                         result<void> started,
                                         typename Session::stream_type channel) {
    using udp_service_type = typename Session::udp_service_type;
    if (!started) {
      self->pool_.start_failed(slot);
      self->pump();
      co_return;
    }
    self->pool_.started(slot);
    if (self->slots_.drop_surplus(self->service_->pool.size)) co_return;
    auto& home = self->context_->runtime();
    const time_point began = home.now();
    protocol::descriptor_lease held(self->context_->descriptors.use.fixed);
    auto runtime = self->udp_->runtime();
    if (runtime.get_executor() != home.get_executor()) channel = channel.move_to(runtime);
    co_await io::run_on(
        runtime.get_executor(),
        udp_service_type::run_channel(self->udp_, std::move(channel), self->ended_.get_token()));
    held.end();
    const duration lived = home.now() - began;
    co_await replace(self, lived);
  }

  /// Lets the pool provide a new data channel for a slot whose last one was refused. If memory runs
  /// out, the session ends, because it would lack a slot.
  template <class Session>
  static void replace_refused(const std::shared_ptr<Session>& self) {
    self->context_->group.spawn(replace_or_end(self));
  }
  /// Runs `replace` for `replace_refused`, and closes the session if memory runs out.
  template <class Session>
  static io::awaitable<void> replace_or_end(std::shared_ptr<Session> self) {
    try {
      co_await replace(self, duration::zero());
    } catch (const std::bad_alloc&) {
      self->close(out_of_memory());
    }
  }

  /// Requests a new data channel for a slot, whose last channel existed for `lived`.
  template <class Session>
  static io::awaitable<void> replace(std::shared_ptr<Session> self, duration lived) {
    auto& runtime = self->context_->runtime();
    auto rng = runtime.rng();
    const duration pause = self->slots_.pause_after_loss(runtime.now(), lived, rng);
    if (pause > duration::zero()) co_await io::pause(runtime, pause, self->ended_.get_token());
    if (self->ended_.stop_requested()) co_return;
    if (self->slots_.drop_surplus(self->service_->pool.size)) co_return;
    self->add_slot();
    self->pump();
  }
};

}  // namespace rathole::server
