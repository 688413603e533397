#pragma once

#include <rathole/client/descriptors.hpp>
#include <rathole/client/events.hpp>
#include <rathole/client/udp_visitor.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/core/udp_endpoint.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/io/socket/descriptor_limit.hpp>
#include <rathole/io/udp/channel.hpp>
#include <rathole/io/udp/datagram.hpp>
#include <rathole/io/udp/loss_reporter.hpp>
#include <rathole/io/udp/visitors.hpp>
#include <rathole/protocol/udp_loop_detector.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <stop_token>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::client_side {

/// The most visitors whose sockets are opened at once; datagrams of further new ones are lost.
inline constexpr std::size_t max_opening_visitors = 256;

/// The longest time that opening such a socket may take; only a lookup of the name takes time.
inline constexpr std::chrono::seconds udp_open_timeout{10};

/// The client's half of a UDP service: a socket to the local service for each visitor, so that
/// the service can distinguish visitors by their ports. Visitors are kept when data channels and
/// control channels are replaced, and the service does not notice. Replies are sent on the data
/// channel of the visitor's last datagram.
///
/// It lives in one runtime together with all UDP data channels of the service. It is made on the
/// control plane; all functions except the constructor must be called in its runtime.
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
  using service_pointer = std::shared_ptr<const config::client_service>;

  /// Makes an object without visitors in the runtime `runtime`.
  udp_service(std::shared_ptr<Context> context, service_pointer service, runtime_type runtime)
      : context_(std::move(context)),
        service_(std::move(service)),
        runtime_(std::move(runtime)),
        visitors_(runtime_, service_->udp.max_visitors, service_->udp.idle_timeout,
                  [this](visitor_pointer& gone) { close(*gone); }),
        losses_(runtime_, [this](const protocol::udp_counters& since) { report_losses(since); }),
        loops_(this),
        opening_(runtime_.get_executor()) {}

  /// Returns the runtime that it lives in.
  [[nodiscard]] runtime_type runtime() const { return runtime_; }

  /// Runs until `stop` is requested and everything has ended. If it fails for lack of memory, it
  /// must be called again, until it has closed what was opened.
  static io::awaitable<void> run(std::shared_ptr<udp_service> self, std::stop_token stop) {
    io::event ending(self->runtime_.get_executor());
    const auto end = [&ending] { ending.notify(); };
    const io::stop_action on_stop(stop, self->runtime_.get_executor(), end);
    if (!stop.stop_requested()) co_await ending.wait();
    self->close();
    co_await self->opening_.join();
  }

  /// Carries datagrams on a started data channel until it ends or `stop` is requested; always fails
  /// with the reason.
  static io::task<void> run_channel(std::shared_ptr<udp_service> self, stream_type stream,
                                    std::stop_token stop) {
    const io::executor ex = self->runtime_.get_executor();
    if (self->closing_.stop_requested()) co_return failure(errc::stopped);
    const auto channel =
        std::make_shared<channel_type>(ex, std::move(stream), self->service_->udp.queue_size);
    const auto end = [&channel] { channel->close(); };
    const io::stop_action on_stop(stop, ex, end);
    // It is removed from the list whatever happens from here on.
    self->channels_.push_back(channel);
    auto received = [&self, &channel](std::span<const protocol::udp_frame> frames) {
      self->deliver(channel, frames);
    };
    result<void> ended = failure(out_of_memory());
    try {
      ended = co_await channel_type::run(channel, received);
    } catch (const std::bad_alloc&) {
      channel->close();
    }
    std::erase(self->channels_, channel);
    co_return ended;
  }

  /// Applies new settings. Visitors are forgotten only if the local service has changed, if it may
  /// now reply from other ports or no longer may, or if there are too many.
  void update(service_pointer next) {
    if (closing_.stop_requested()) return;
    const service_pointer before = std::exchange(service_, std::move(next));
    const bool moved = before->local_addr != service_->local_addr ||
                       before->prefer_ipv6 != service_->prefer_ipv6 ||
                       before->udp.answers_from_any_port != service_->udp.answers_from_any_port;
    if (moved) {
      visitors_.clear();
      unreachable_due_ = {};
    }
    visitors_.set_limits(service_->udp.max_visitors, service_->udp.idle_timeout);
    for (const auto& each : channels_) each->set_queue_size(service_->udp.queue_size);
  }

  /// Returns the number of remembered visitors.
  [[nodiscard]] std::size_t visitors() const { return visitors_.size(); }

 private:
  using visitor = udp_visitor<typename runtime_type::datagram_socket, channel_type>;
  using visitor_pointer = std::shared_ptr<visitor>;

  /// Sends datagrams from the tunnel to the local service.
  void deliver(const std::shared_ptr<channel_type>& from,
               std::span<const protocol::udp_frame> frames) {
    const time_point now = runtime_.now();
    losses_.counts.received += frames.size();
    while (!frames.empty()) {
      const udp_endpoint& id = frames.front().visitor;
      const auto other = std::ranges::find_if(
          frames, [&](const protocol::udp_frame& each) { return each.visitor != id; });
      const auto own = frames.first(static_cast<std::size_t>(other - frames.begin()));
      frames = frames.subspan(own.size());
      const visitor_pointer who = find_or_add(id, own, now);
      if (!who) continue;
      if (who->via != from) who->via = from;
      if (who->socket) {
        losses_.counts.refused += own.size() - who->send(own);
        report_unreachable(*who);
      } else {
        add_unsent(*who, own);
      }
    }
    losses_.check();
    if (const auto dropped = loops_.take_report(now)) report_loop(*dropped);
  }

  /// Returns the visitor that sent `frames`, which is added if it is new; null if the frames are
  /// lost, because there are too many new visitors, there is no memory, or the client itself sent
  /// them.
  visitor_pointer find_or_add(const udp_endpoint& id, std::span<const protocol::udp_frame> frames,
                              time_point now) {
    if (visitor_pointer* found = visitors_.touch(id, now)) return *found;
    const auto itself = context_->own_udp_sockets.find(id);
    const auto has_come_back = [&](const protocol::udp_frame& each) {
      return loops_.has_come_back(itself.get(), each.payload, now);
    };
    if (std::ranges::count_if(frames, has_come_back) > 0) return nullptr;
    try {
      if (opening_.size() < max_opening_visitors) {
        return add(id, loops_.path(itself.get(), frames.front().payload), now);
      }
    } catch (const std::bad_alloc&) {  // The same as too many new ones.
    }
    losses_.counts.queue_full += frames.size();
    return nullptr;
  }

  visitor_pointer add(const udp_endpoint& id, std::vector<const void*> path, time_point now) {
    const auto made =
        std::make_shared<visitor>(id, unsent_bytes_, context_->udp_visitors, std::move(path));
    // Never begins inside this call: a visitor that cannot be remembered is gone before.
    opening_.spawn(open(this->shared_from_this(), made));
    made->gone = true;
    visitors_.set_ceiling(context_->udp_share);
    if (visitors_.full()) ++losses_.counts.evicted;
    visitors_.add(id, made, now);
    made->gone = false;
    return made;
  }

  /// Forgets a visitor whose socket was not opened, unless it was forgotten before.
  void forget(visitor& who) {
    if (!who.gone) {
      losses_.counts.refused += who.unsent.size();
      close(who);
      visitors_.erase(who.id);
    }
    who.unsent.clear();
  }

  void add_unsent(visitor& who, std::span<const protocol::udp_frame> frames) {
    for (const protocol::udp_frame& each : frames) {
      const bool added = who.unsent.add(each.payload, service_->udp.queue_size);
      if (!added) ++losses_.counts.queue_full;
    }
  }

  /// Opens the visitor's socket, and sends the datagrams that waited for it.
  static io::awaitable<void> open(std::shared_ptr<udp_service> self, visitor_pointer who) {
    try {
      co_await open_socket(self, who);
    } catch (const std::bad_alloc&) {
      self->forget(*who);
    }
  }

  static io::awaitable<void> open_socket(std::shared_ptr<udp_service> self, visitor_pointer who) {
    const service_pointer service = self->service_;
    const auto deadline = self->runtime_.now() + udp_open_timeout;
    const io::udp_connect_options options(service->prefer_ipv6, service->udp.answers_from_any_port);
    auto opened = co_await self->runtime_.connect_udp(service->local_addr, options, deadline,
                                                      self->closing_.get_token());
    if (who->gone) co_return self->forget(*who);
    if (!opened) {
      self->forget(*who);
      if (io::out_of_descriptors(opened.error())) descriptor_refused(self->context_);
      self->report_failure(service, opened.error());
      self->losses_.check();
      co_return;
    }
    who->set_socket(std::move(*opened), self->context_->own_udp_sockets);
    self->losses_.counts.refused += who->send_unsent();
    // This object owns the visitor, which owns the socket, so the pointers stay valid.
    who->socket->watch([me = self.get(), raw = who.get()] { me->answer(*raw); });
  }

  /// Sends datagrams from the local service to the tunnel.
  void answer(visitor& who) {
    const auto batch = who.socket->receive();
    report_unreachable(who);
    if (batch.empty()) return;
    visitors_.touch(who.id, runtime_.now());
    if (!who.via || who.via->is_over()) who.via = channels_.empty() ? nullptr : channels_.front();
    for (const io::datagram& each : batch) {
      const bool taken = who.via && who.via->push(who.id, each.payload);
      ++(taken ? losses_.counts.sent : losses_.counts.queue_full);
    }
    if (who.via) who.via->flush();
    losses_.check();
  }

  /// Closes a visitor's socket. Its descriptor may be what a data channel waits for.
  void close(visitor& gone) {
    gone.close();
    dial_deferred(context_);
  }

  void close() {
    closing_.request_stop();
    losses_.close();
    visitors_.clear();
    for (const auto& each : channels_) each->close();
  }

  void report_failure(const service_pointer& service, std::error_code error) {
    if (error == errc::stopped) return;
    context_->on_control_plane([context = context_, service, error] {
      const local_connect_failed event{service->name, service->local_addr, error};
      context->emit(event);
    });
  }

  /// Reports that the datagrams of `who` do not reach the local service, at most once in
  /// `udp_report_interval`.
  void report_unreachable(visitor& who) {
    const std::error_code error = who.socket->take_error();
    if (!error || runtime_.now() < unreachable_due_) return;
    unreachable_due_ = runtime_.now() + io::udp_report_interval;
    report_failure(service_, error);
  }

  void report_loop(std::uint64_t dropped) {
    context_->on_control_plane([context = context_, service = service_, dropped] {
      context->emit(
          service_loops{service->name, service->local_addr, dropped, protocol::udp_loop_memory});
    });
  }

  void report_losses(const protocol::udp_counters& since) {
    context_->on_control_plane([context = context_, service = service_, since] {
      const datagrams_lost event{service->name, since, io::udp_report_interval};
      context->emit(event);
    });
  }

  const std::shared_ptr<Context> context_;
  service_pointer service_;
  runtime_type runtime_;
  std::size_t unsent_bytes_ = 0;
  io::udp_visitors<runtime_type, visitor_pointer> visitors_;
  std::vector<std::shared_ptr<channel_type>> channels_;
  io::udp_loss_reporter<runtime_type> losses_;
  /// When it may be reported again that the local service cannot be reached.
  time_point unreachable_due_{};
  protocol::udp_loop_detector loops_;
  io::task_group opening_;
  std::stop_source closing_;
};

}  // namespace rathole::client_side
