#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/retry_on_bad_alloc.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/run/run_on.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/udp/channel.hpp>
#include <rathole/io/udp/datagram.hpp>
#include <rathole/io/udp/loss_reporter.hpp>
#include <rathole/io/udp/traffic_reporter.hpp>
#include <rathole/io/udp/visitors.hpp>
#include <rathole/protocol/client_balancer.hpp>
#include <rathole/protocol/visitor_limits.hpp>
#include <rathole/server/datagram_header.hpp>
#include <rathole/server/events.hpp>
#include <rathole/server/udp_admission.hpp>
#include <rathole/server/udp_client_channels.hpp>
#include <rathole/server/udp_listeners.hpp>
#include <rathole/server/udp_turns.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <stop_token>
#include <system_error>
#include <utility>

namespace rathole::server_side {

/// The server's half of a UDP service while clients serve it: the sockets that visitors send to,
/// the visitors, and the data channels. A new visitor gets a client by `protocol::client_balancer`, and one of
/// its channels by a hash of its address. It keeps the channel until that ends, and the client until that has
/// no channel.
///
/// Replies are sent only to visitors that have sent something, until the idle timeout, so a client
/// cannot make the server send to arbitrary addresses. A reply is sent from the address that the
/// visitor sent to.
///
/// While there is no data channel nothing is received, and the system's buffers hold what arrives.
///
/// It lives in one runtime. It is made on the control plane; all functions except the constructor
/// must be called in its runtime.
template <class Context>
class udp_service : public std::enable_shared_from_this<udp_service<Context>> {
 public:
  /// The type of the runtime.
  using runtime_type = typename Context::runtime_type;
  /// The type of the stream of a data channel.
  using stream_type = typename Context::stream_type;
  /// The type of data channels.
  using channel_type = io::udp_channel<stream_type, typename Context::codec_type>;
  /// The settings of the service.
  using service_pointer = std::shared_ptr<const config::server_service>;

  /// Makes an object in the runtime `runtime` that does not listen yet.
  udp_service(std::shared_ptr<Context> context, service_pointer service, runtime_type runtime)
      : context_(std::move(context)),
        draining_(context_->hooks->draining),
        service_(std::move(service)),
        runtime_(std::move(runtime)),
        visitors_(runtime_, service_->udp.max_visitors, service_->udp.idle_timeout,
                  [](visitor&) {}),
        losses_(runtime_, [this](const protocol::udp_counters& since) { report_losses(since); }),
        traffic_(
            runtime_, losses_.counts, [this] { return visitors_.size(); }, traffic_handler()),
        listeners_(context_, runtime_, [this](listener& at) { receive(at); }),
        again_(runtime_),
        turn_(context_->udp_turns, context_->runtime().get_executor()) {}

  /// Returns the runtime that it lives in.
  [[nodiscard]] runtime_type runtime() const { return runtime_; }

  /// Listens until `stop` is requested and everything has ended, also if memory runs out in the
  /// meantime; starts once the sockets of those that were stopped before are closed. Must be called
  /// on the control plane's thread.
  static void start(const std::shared_ptr<udp_service>& self, std::stop_token stop) {
    const auto work = [self, stop] { return take_turn(self, stop); };
    // If memory runs out, it is started again even after `stop`, to close what it opened.
    auto& home = self->context_->runtime();
    self->context_->group.spawn(io::retry_on_bad_alloc(home, std::stop_token(), work));
    // The work has not begun, and without memory for it there is nothing to wait for.
    self->turn_.enter(std::move(stop));
  }

  /// Carries datagrams on a started data channel of `client` until it ends or `stop` is requested; always fails
  /// with the reason.
  static io::task<void> run_channel(std::shared_ptr<udp_service> self, stream_type stream,
                                    protocol::client_id client, std::stop_token stop) {
    const io::executor ex = self->runtime_.get_executor();
    if (self->closed_) co_return failure(errc::stopped);
    const address peer = stream.peer();
    const time_point began = self->runtime_.now();
    const auto channel =
        std::make_shared<channel_type>(ex, std::move(stream), self->service_->udp.queue_size);
    const auto end = [&channel] { channel->close(); };
    const io::stop_action on_stop(stop, ex, end);
    auto received = [&self](std::span<const protocol::udp_frame> frames) {
      self->send_to_visitors(frames);
    };
    result<void> ended = failure(out_of_memory());
    // It is removed from the list whatever happens from here on.
    self->channels_.add(channel, client, peer);
    try {
      self->listeners_.watch(true);
      ended = co_await channel_type::run(channel, received);
    } catch (const std::bad_alloc&) {
      channel->close();
    }
    self->channels_.remove(channel);
    self->listeners_.watch(!self->channels_.empty());
    self->report_end(peer, self->runtime_.now() - began, ended.error());
    co_return ended;
  }

  /// Applies new settings; sockets of unchanged addresses are kept. Does nothing once `run` has
  /// stopped listening; after that it may be called by another thread.
  void update(service_pointer next) {
    if (closed_) return;
    service_ = std::move(next);
    visitors_.set_limits(service_->udp.max_visitors, service_->udp.idle_timeout);
    channels_.apply_settings(*service_, runtime_);
    open_listeners();
  }

  /// Closes the sockets at addresses that `next` does not name, so that another service may have
  /// them; `update` does the rest.
  static io::awaitable<void> close_removed(std::shared_ptr<udp_service> self,
                                           service_pointer next) {
    if (!self->closed_) self->listeners_.close_except(next->bind_addr);
    co_return;
  }

  /// Returns the number of remembered visitors.
  [[nodiscard]] std::size_t visitors() const { return visitors_.size(); }
  /// Returns the data channels and clients.
  [[nodiscard]] const udp_client_channels<channel_type>& channels() const { return channels_; }

 private:
  static io::awaitable<void> take_turn(std::shared_ptr<udp_service> self, std::stop_token stop) {
    co_await self->turn_.wait();
    co_await io::run_on(self->runtime_.get_executor(), run(self, stop));
    self->turn_.leave();
  }

  static io::awaitable<void> run(std::shared_ptr<udp_service> self, std::stop_token stop) {
    io::event ending(self->runtime_.get_executor());
    const auto end = [&ending] { ending.notify(); };
    const io::stop_action on_stop(stop, self->runtime_.get_executor(), end);
    self->may_listen_ = true;
    self->open_listeners();
    if (!stop.stop_requested()) co_await ending.wait();
    self->close();
    co_await self->listeners_.join();
  }

  /// Lets the current settings decide who is admitted, and opens the listeners of the service; tries again
  /// later if memory runs out.
  void open_listeners() {
    if (!may_listen_) return;
    try {
      admission_.set(service_, runtime_);
      listeners_.open(service_, this->shared_from_this());
    } catch (const std::bad_alloc&) {
      again_.arm(runtime_.now() + io::memory_pause, [this] { open_listeners(); });
    }
  }

  using listener = typename udp_listeners<Context>::listener;

  struct visitor {
    std::shared_ptr<listener> through;
    std::shared_ptr<channel_type> via;
    std::uint32_t scope = 0;
    ipv6_bytes local{};
    /// Whether one of its datagrams had a header of the PROXY protocol.
    bool has_header = false;
    /// Keeps the visitor counted.
    protocol::visitor_lease lease;
    /// The client that serves it.
    typename udp_client_channels<channel_type>::assignment client;
  };

  /// Sends datagrams from visitors to the tunnel.
  void receive(listener& at) {
    const auto batch = at.socket->receive();
    if (batch.empty() || channels_.empty()) return;
    const time_point now = runtime_.now();
    const ip_endpoint* last = nullptr;
    visitor* sender = nullptr;
    for (const io::datagram& each : batch) {
      if (!sender || *last != each.peer) sender = find_or_add(each, now);
      last = &each.peer;
      if (!sender) continue;
      const bool taken = send_to_client(at, *sender, each);
      ++(taken ? losses_.counts.sent : losses_.counts.queue_full);
    }
    channels_.for_each([](channel_type& each) { each.flush(); });
    count_changed();
  }

  void count_changed() {
    losses_.check();
    traffic_.check();
  }

  /// Returns whether new visitors are refused.
  [[nodiscard]] bool is_draining() const { return draining_ && *draining_; }

  /// Returns the visitor that sent `from`, which is added if it is new; null if there is no memory
  /// for it, or it is refused, which is counted.
  visitor* find_or_add(const io::datagram& from, time_point now) {
    if (visitor* found = visitors_.touch(from.peer, now)) return found;
    if (is_draining()) return nullptr;
    try {
      auto admitted = admission_.admit(from.peer, now, losses_.counts);
      if (!admitted) return nullptr;
      visitor added;
      added.lease = std::move(*admitted);
      if (visitors_.full()) ++losses_.counts.evicted;
      return &visitors_.add(from.peer, std::move(added), now);
    } catch (const std::bad_alloc&) {
      ++losses_.counts.queue_full;
      return nullptr;
    }
  }

  /// Passes a datagram to the visitor's data channel, which is a new one if the last one has ended.
  /// Returns false if there is no room and the datagram is lost.
  bool send_to_client(listener& at, visitor& from, const io::datagram& what) {
    if (from.through.get() != &at) from.through = at.shared_from_this();
    from.scope = what.scope;
    from.local = what.local;
    if (!from.via || from.via->is_over()) {
      from.via = channels_.choose(from.client, what.peer, runtime_.now(), visitors_);
      // The client gives the visitor a new local socket.
      from.has_header = false;
    }
    if (!wants_header(*service_, from.has_header)) return from.via->push(what.peer, what.payload);
    if (!add_header(with_header_, what, at.socket->local())) return false;
    const bool is_taken = from.via->push(what.peer, std::as_const(with_header_).data());
    if (is_taken) from.has_header = true;
    return is_taken;
  }

  /// Sends datagrams from the tunnel to visitors.
  void send_to_visitors(std::span<const protocol::udp_frame> frames) {
    const time_point now = runtime_.now();
    losses_.counts.received += frames.size();
    std::array<io::datagram, batch_size> batch;
    std::size_t count = 0;
    listener* through = nullptr;
    const auto send = [&] {
      if (count == 0) return;
      const auto ready = std::span<const io::datagram>(batch).first(count);
      losses_.counts.refused += count - (through->is_open() ? through->socket->send(ready) : 0);
      count = 0;
    };
    const ip_endpoint* last = nullptr;
    visitor* receiver = nullptr;
    for (const protocol::udp_frame& each : frames) {
      if (!last || *last != each.visitor) receiver = visitors_.touch(each.visitor, now);
      last = &each.visitor;
      if (!receiver || !receiver->through) {
        ++losses_.counts.unknown_visitor;
        continue;
      }
      if (count == batch.size() || (count > 0 && through != receiver->through.get())) send();
      through = receiver->through.get();
      batch[count].peer = each.visitor;
      batch[count].scope = receiver->scope;
      batch[count].local = receiver->local;
      batch[count].payload = each.payload;
      ++count;
    }
    send();
    count_changed();
  }

  void close() {
    closed_ = true;
    again_.disarm();
    losses_.close();
    traffic_.close();
    listeners_.close();
    channels_.for_each([](channel_type& each) { each.close(); });
    visitors_.clear();
  }

  void report_losses(const protocol::udp_counters& since) {
    context_->on_control_plane([context = context_, service = service_, since] {
      const datagrams_lost event{service->name, since, io::udp_report_interval};
      context->emit(event);
    });
  }

  /// Returns what receives reports of the traffic; nothing if nobody follows it.
  typename io::udp_traffic_reporter<runtime_type>::handler traffic_handler() {
    if (!context_->follows_traffic) return nullptr;
    return [this](const io::udp_traffic& traffic) {
      context_->on_control_plane([context = context_, service = service_, traffic] {
        const datagrams_carried event{service->name, traffic.since, traffic.visitors,
                                      io::udp_traffic_interval};
        context->emit(event);
      });
    };
  }

  void report_end(const address& peer, duration lived, std::error_code error) {
    if (error == errc::stopped) return;
    context_->on_control_plane([context = context_, service = service_, peer, lived, error] {
      const udp_channel_lost event{service->name, peer, lived, error};
      context->emit(event);
    });
  }

  static constexpr std::size_t batch_size = 64;

  const std::shared_ptr<Context> context_;
  /// See `server_hooks`, which belong to the control plane.
  const std::shared_ptr<const std::atomic<bool>> draining_;
  service_pointer service_;
  runtime_type runtime_;
  udp_admission admission_;
  io::udp_visitors<runtime_type, visitor> visitors_;
  udp_client_channels<channel_type> channels_;
  io::udp_loss_reporter<runtime_type> losses_;
  io::udp_traffic_reporter<runtime_type> traffic_;
  udp_listeners<Context> listeners_;
  /// A datagram with a header of the PROXY protocol; used for one at a time.
  byte_buffer with_header_;
  /// Runs out when the listeners for which there was no memory are tried again.
  typename runtime_type::timer again_;
  /// Its position among the services that listen and close; used on the control plane.
  udp_turns::turn turn_;
  /// Whether the sockets of those before it are closed.
  bool may_listen_ = false;
  bool closed_ = false;
};

}  // namespace rathole::server_side
