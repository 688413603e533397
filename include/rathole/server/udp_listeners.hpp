#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/backoff.hpp>
#include <rathole/io/retry_on_bad_alloc.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/io/time/alarm.hpp>
#include <rathole/io/udp/datagram.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/listening_addresses.hpp>
#include <rathole/server/service_listener.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::server_side {

/// A listener for the datagrams of visitors: an address, and its socket once that is bound.
template <io::DatagramSocket S>
struct udp_listener : std::enable_shared_from_this<udp_listener<S>> {
  /// Makes a listener for the address `at`, without a socket.
  explicit udp_listener(address at) : where(std::move(at)) {}

  /// Closes the socket, and ends the attempts to bind it.
  void close() {
    closing.request_stop();
    if (socket) socket->close();
    listed.reset();
  }

  /// Returns whether the socket is bound and open.
  [[nodiscard]] bool is_open() const { return socket && socket->is_open(); }

  /// The address in the settings.
  const address where;
  /// Requested when the listener is closed.
  std::stop_source closing;
  /// The socket, once it is bound.
  std::optional<S> socket;
  /// Keeps the address of the socket in the list of the server's addresses.
  listening_addresses::entry listed;
};

/// The sockets of a UDP service, one for each address that it listens on. All functions must be
/// called in the runtime in which the sockets live.
template <class Context>
class udp_listeners {
 public:
  /// The type of the runtime.
  using runtime_type = typename Context::runtime_type;
  /// The type of listeners.
  using listener = udp_listener<typename runtime_type::datagram_socket>;
  /// The settings of the service.
  using service_pointer = std::shared_ptr<const config::server_service>;

  /// Makes an object without sockets. `receive` is called when something can be received at a
  /// listener, while receiving is on.
  udp_listeners(std::shared_ptr<Context> context, runtime_type runtime,
                std::move_only_function<void(listener&)> receive)
      : context_(std::move(context)),
        runtime_(std::move(runtime)),
        receive_(std::move(receive)),
        binding_(runtime_.get_executor()) {}

  /// Closes the listeners that `service` does not name, and adds those that are missing, which are
  /// bound as soon as possible. Does nothing after `close`. Attempts to bind hold `owner`, of which
  /// this object is a part. If memory runs out, the next call completes this one.
  void open(const service_pointer& service, const std::shared_ptr<void>& owner) {
    if (closed_) return;
    const auto& wanted = service->bind_addr;
    close_except(wanted);
    for (const address& where : in_bind_order(wanted)) {
      const auto is_there = [&](const auto& each) { return each->where == where; };
      if (std::ranges::any_of(listeners_, is_there)) continue;
      listeners_.reserve(listeners_.size() + 1);
      const auto added = std::make_shared<listener>(where);
      const auto work = [this, owner, service, added] {
        return bind(*this, owner, service, added);
      };
      binding_.spawn(io::retry_on_bad_alloc(runtime_, added->closing.get_token(), work));
      listeners_.push_back(added);
    }
  }

  /// Closes the listeners whose addresses are not in `wanted`.
  void close_except(const address_list& wanted) {
    std::erase_if(listeners_, [&](const auto& each) {
      const bool stays = std::ranges::find(wanted, each->where) != wanted.end();
      if (!stays) each->close();
      return !stays;
    });
  }

  /// Turns receiving on or off.
  void watch(bool on) {
    watching_ = on;
    for (const auto& each : listeners_) update_watch(*each);
  }

  /// Closes all listeners permanently.
  void close() {
    closed_ = true;
    for (const auto& each : listeners_) each->close();
    listeners_.clear();
  }

  /// Returns once all attempts to bind have ended. The object must outlive the call.
  io::awaitable<void> join() { return binding_.join(); }

 private:
  void update_watch(listener& at) {
    if (!at.is_open()) return;
    if (watching_) {
      at.socket->watch([this, &at] { receive_(at); });
    } else {
      at.socket->unwatch();
    }
  }

  static io::awaitable<void> bind(udp_listeners& self, std::shared_ptr<void>,
                                  service_pointer service, std::shared_ptr<listener> at) {
    runtime_type& runtime = self.runtime_;
    const auto stop = at->closing.get_token();
    backoff retry(service_listener_backoff);
    std::error_code cause;
    // The socket exists if memory ran out after it was bound.
    while (!at->socket) {
      auto bound = co_await runtime.bind_udp(at->where, stop);
      if (stop.stop_requested()) co_return;
      const bool left_out = bound ? is_left_out(service->bind_addr, at->where, bound->local())
                                  : is_left_out(service->bind_addr, at->where, bound.error());
      if (bound && !left_out) {
        at->socket.emplace(std::move(*bound));
        break;
      }
      if (left_out) {
        bound = failure(errc::stopped);
        self.report_left_out(service, at->where);
        co_return;
      }
      auto rng = runtime.rng();
      const auto pause = retry.next(rng);
      const bool repeated = std::exchange(cause, bound.error()) == bound.error();
      self.report_failure(service, at->where, cause, pause, repeated);
      co_await io::pause(runtime, pause, stop);
      if (stop.stop_requested()) co_return;
    }
    at->listed = self.context_->addresses->add(service->name, at->socket->local());
    self.report_listening(service, at->socket->local(), at->where);
    self.update_watch(*at);
  }

  void report_listening(const service_pointer& service, const address& local,
                        const address& wanted) {
    context_->on_control_plane([context = context_, service, local, wanted] {
      const service_listening event{service->name, local, replaced_by(local, wanted)};
      context->emit(event);
    });
  }

  void report_left_out(const service_pointer& service, const address& where) {
    context_->on_control_plane([context = context_, service, where] {
      const address_left_out event{service->name, where};
      context->emit(event);
    });
  }

  void report_failure(const service_pointer& service, const address& where, std::error_code cause,
                      duration pause, bool repeated) {
    context_->on_control_plane([context = context_, service, where, cause, pause, repeated] {
      const service_bind_failed event{service->name, where, cause, pause, repeated};
      context->emit(event);
    });
  }

  std::shared_ptr<Context> context_;
  runtime_type runtime_;
  std::move_only_function<void(listener&)> receive_;
  std::vector<std::shared_ptr<listener>> listeners_;
  io::task_group binding_;
  bool watching_ = false;
  bool closed_ = false;
};

}  // namespace rathole::server_side
