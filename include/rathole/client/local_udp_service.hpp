#pragma once

#include <rathole/client/descriptors.hpp>
#include <rathole/client/events.hpp>
#include <rathole/client/udp_service.hpp>
#include <rathole/client/udp_visitor.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/io/socket/descriptor_limit.hpp>
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
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::client_side {

/// The most visitors whose sockets are opened at once; datagrams of further new ones are lost.
inline constexpr std::size_t max_opening_visitors = 256;

/// The longest time that opening a visitor's socket may take; only a lookup of the name takes time.
inline constexpr std::chrono::seconds udp_open_timeout{10};

/// The client's half of a UDP service that is forwarded to a local service: a socket to it for each
/// visitor, so that the local service can distinguish visitors by their ports.
template <class Context>
class local_udp_service final : public udp_service<Context> {
 public:
  using typename udp_service<Context>::channel_type;
  using typename udp_service<Context>::runtime_type;
  using typename udp_service<Context>::service_pointer;

  /// Makes a service without visitors in the runtime `runtime`.
  local_udp_service(std::shared_ptr<Context> owner, service_pointer service, runtime_type runtime)
      : udp_service<Context>(std::move(owner), std::move(service), std::move(runtime)),
        visitors_(home(), settings()->udp.max_visitors, settings()->udp.idle_timeout,
                  [this](visitor_pointer& gone) { close(*gone); }),
        loops_(this) {}

 private:
  using udp_service<Context>::context;
  using udp_service<Context>::home;
  using udp_service<Context>::losses;
  using udp_service<Context>::send;
  using udp_service<Context>::settings;
  using udp_service<Context>::tasks;
  using visitor = udp_visitor<typename runtime_type::datagram_socket, channel_type>;
  using visitor_pointer = std::shared_ptr<visitor>;

  /// Sends datagrams from the tunnel to the local service.
  void send_to_service(const std::shared_ptr<channel_type>& from,
                       std::span<const protocol::udp_frame> frames) override {
    const time_point now = home().now();
    while (!frames.empty()) {
      const ip_endpoint& id = frames.front().visitor;
      const auto other = std::ranges::find_if(
          frames, [&](const protocol::udp_frame& each) { return each.visitor != id; });
      const auto own = frames.first(static_cast<std::size_t>(other - frames.begin()));
      frames = frames.subspan(own.size());
      const visitor_pointer sender = find_or_add(id, own, now);
      if (!sender) continue;
      if (sender->via != from) sender->via = from;
      if (sender->socket) {
        losses().counts.refused += own.size() - sender->send(own);
        report_unreachable(*sender);
      } else {
        add_unsent(*sender, own);
      }
    }
    if (const auto dropped = loops_.take_report(now)) report_loop(*dropped);
  }

  /// Forgets the visitors only if the local service has changed, if it may now reply from other
  /// ports or no longer may, or if there are too many.
  void settings_changed(const config::client_service& before) override {
    const config::client_service& now = *settings();
    const bool moved = before.local_addr != now.local_addr ||
                       before.prefer_ipv6 != now.prefer_ipv6 ||
                       before.udp.answers_from_any_port != now.udp.answers_from_any_port;
    if (moved) {
      visitors_.clear();
      unreachable_due_ = {};
    }
    visitors_.set_limits(now.udp.max_visitors, now.udp.idle_timeout);
  }

  void forget_visitors() override { visitors_.clear(); }
  [[nodiscard]] std::size_t count_visitors() const override { return visitors_.size(); }

  /// Returns the visitor that sent `frames`, which is added if it is new; null if the frames are
  /// lost, because there are too many new visitors, there is no memory, or the client itself sent
  /// them.
  visitor_pointer find_or_add(const ip_endpoint& id, std::span<const protocol::udp_frame> frames,
                              time_point now) {
    if (visitor_pointer* found = visitors_.touch(id, now)) return *found;
    const auto itself = context()->own_udp_sockets.find(id);
    const auto has_come_back = [&](const protocol::udp_frame& each) {
      return loops_.has_come_back(itself.get(), each.payload, now);
    };
    if (std::ranges::count_if(frames, has_come_back) > 0) return nullptr;
    try {
      if (tasks().size() < max_opening_visitors) {
        return add(id, loops_.path(itself.get(), frames.front().payload), now);
      }
    } catch (const std::bad_alloc&) {  // The same as too many new ones.
    }
    losses().counts.queue_full += frames.size();
    return nullptr;
  }

  visitor_pointer add(const ip_endpoint& id, std::vector<const void*> path, time_point now) {
    const auto made =
        std::make_shared<visitor>(id, unsent_bytes_, context()->udp_visitors, std::move(path));
    // Never begins inside this call: a visitor that cannot be remembered is gone before.
    const auto self = std::static_pointer_cast<local_udp_service>(this->shared_from_this());
    tasks().spawn(open(self, made));
    made->gone = true;
    visitors_.set_ceiling(context()->udp_share);
    if (visitors_.full()) ++losses().counts.evicted;
    visitors_.add(id, made, now);
    made->gone = false;
    return made;
  }

  /// Forgets a visitor whose socket was not opened, unless it was forgotten before.
  void forget(visitor& lost) {
    if (!lost.gone) {
      losses().counts.refused += lost.unsent.size();
      close(lost);
      visitors_.erase(lost.id);
    }
    lost.unsent.clear();
  }

  void add_unsent(visitor& sender, std::span<const protocol::udp_frame> frames) {
    for (const protocol::udp_frame& each : frames) {
      const bool added = sender.unsent.add(each.payload, settings()->udp.queue_size);
      if (!added) ++losses().counts.queue_full;
    }
  }

  /// Opens the visitor's socket, and sends the datagrams that waited for it.
  static io::awaitable<void> open(std::shared_ptr<local_udp_service> self, visitor_pointer sender) {
    try {
      co_await open_socket(self, sender);
    } catch (const std::bad_alloc&) {
      self->forget(*sender);
    }
  }

  static io::awaitable<void> open_socket(std::shared_ptr<local_udp_service> self,
                                         visitor_pointer sender) {
    const service_pointer service = self->settings();
    const auto deadline = self->home().now() + udp_open_timeout;
    const io::udp_connect_options options(service->prefer_ipv6, service->udp.answers_from_any_port);
    auto opened = co_await self->home().connect_udp(service->local_addr.front(), options, deadline,
                                                    self->closing());
    if (sender->gone) co_return self->forget(*sender);
    if (!opened) {
      self->forget(*sender);
      if (io::out_of_descriptors(opened.error())) descriptor_refused(self->context());
      self->report_failure(service, opened.error());
      self->losses().check();
      co_return;
    }
    sender->set_socket(std::move(*opened), self->context()->own_udp_sockets);
    self->losses().counts.refused += sender->send_unsent();
    // This object owns the visitor, which owns the socket, so the pointers stay valid.
    sender->socket->watch([me = self.get(), raw = sender.get()] { me->forward_replies(*raw); });
  }

  /// Sends datagrams from the local service to the tunnel.
  void forward_replies(visitor& to) {
    const auto batch = to.socket->receive();
    report_unreachable(to);
    if (batch.empty()) return;
    visitors_.touch(to.id, home().now());
    send(to.id, to.via, batch);
  }

  /// Closes a visitor's socket. Its descriptor may be what a data channel waits for.
  void close(visitor& gone) {
    gone.close();
    dial_deferred(context());
  }

  void report_failure(const service_pointer& service, std::error_code error) {
    if (error == errc::stopped) return;
    context()->on_control_plane([context = context(), service, error] {
      const local_connect_failed event{service->name, service->local_addr.front(), error};
      context->emit(event);
    });
  }

  /// Reports that the datagrams of `sender` do not reach the local service, at most once in
  /// `udp_report_interval`.
  void report_unreachable(visitor& sender) {
    const std::error_code error = sender.socket->take_error();
    if (!error || home().now() < unreachable_due_) return;
    unreachable_due_ = home().now() + io::udp_report_interval;
    report_failure(settings(), error);
  }

  void report_loop(std::uint64_t dropped) {
    context()->on_control_plane([context = context(), service = settings(), dropped] {
      context->emit(service_loops{service->name, service->local_addr.front(), dropped,
                                  protocol::udp_loop_memory});
    });
  }

  std::size_t unsent_bytes_ = 0;
  io::udp_visitors<runtime_type, visitor_pointer> visitors_;
  /// When it may be reported again that the local service cannot be reached.
  time_point unreachable_due_{};
  protocol::udp_loop_detector loops_;
};

}  // namespace rathole::client_side
