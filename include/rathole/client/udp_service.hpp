#pragma once

#include <rathole/client/events.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/ip_endpoint.hpp>
#include <rathole/core/out_of_memory.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/io/udp/channel.hpp>
#include <rathole/io/udp/datagram.hpp>
#include <rathole/io/udp/loss_reporter.hpp>
#include <rathole/io/udp/traffic_reporter.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

namespace rathole::client_side {

/// The client's half of a UDP service: its data channels, its counters and its end. A derived class
/// remembers the visitors and passes their datagrams on: `local_udp_service` to the local service,
/// `in_process_udp_service` to the program itself. Visitors are kept when data channels and control
/// channels are replaced, and the service does not notice. Replies are sent on the data channel of
/// the visitor's last datagram.
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

  udp_service(const udp_service&) = delete;
  udp_service& operator=(const udp_service&) = delete;
  /// Destroys the object, which must not run.
  virtual ~udp_service() = default;

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
    co_await self->tasks_.join();
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
      self->losses_.counts.received += frames.size();
      self->send_to_service(channel, frames);
      self->count_changed();
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

  /// Applies new settings, with the same value of `in_process`.
  void update(service_pointer next) {
    if (closing_.stop_requested()) return;
    const service_pointer before = std::exchange(service_, std::move(next));
    settings_changed(*before);
    for (const auto& each : channels_) each->set_queue_size(service_->udp.queue_size);
  }

 protected:
  /// Makes a service without visitors in the runtime `runtime`.
  udp_service(std::shared_ptr<Context> context, service_pointer service, runtime_type runtime)
      : context_(std::move(context)),
        service_(std::move(service)),
        runtime_(std::move(runtime)),
        losses_(runtime_, [this](const protocol::udp_counters& since) { report_losses(since); }),
        traffic_(
            runtime_, losses_.counts, [this] { return count_visitors(); }, traffic_handler()),
        tasks_(runtime_.get_executor()) {}

  /// Queues the payloads of `batch` for the visitor `to` on `via`, its data channel, which is
  /// replaced by another one if it is over. Counts them as sent or lost; returns how many were
  /// queued.
  std::size_t send(const ip_endpoint& to, std::shared_ptr<channel_type>& via,
                   std::span<const io::datagram> batch) {
    if (!via || via->is_over()) via = channels_.empty() ? nullptr : channels_.front();
    std::size_t queued = 0;
    for (const io::datagram& each : batch) {
      if (via && via->push(to, each.payload)) ++queued;
    }
    if (via) via->flush();
    losses_.counts.sent += queued;
    losses_.counts.queue_full += batch.size() - queued;
    count_changed();
    return queued;
  }

  /// Returns the context of the client.
  [[nodiscard]] const std::shared_ptr<Context>& context() const { return context_; }
  /// Returns the current settings.
  [[nodiscard]] const service_pointer& settings() const { return service_; }
  /// Returns the runtime that it lives in, which exists as long as this object.
  [[nodiscard]] runtime_type& home() { return runtime_; }
  /// Returns the counters and their reports.
  [[nodiscard]] io::udp_loss_reporter<runtime_type>& losses() { return losses_; }
  /// Returns the coroutines of the service, whose end `run` awaits.
  [[nodiscard]] io::task_group& tasks() { return tasks_; }
  /// Returns a token that is requested to stop when the service ends.
  [[nodiscard]] std::stop_token closing() const { return closing_.get_token(); }

 private:
  /// Passes datagrams on that have arrived on `from`. They are counted as received before; the
  /// derived class counts those that are lost.
  virtual void send_to_service(const std::shared_ptr<channel_type>& from,
                               std::span<const protocol::udp_frame> frames) = 0;
  /// Applies `settings()`, which have replaced `before`.
  virtual void settings_changed(const config::client_service& before) = 0;
  /// Forgets all visitors.
  virtual void forget_visitors() = 0;
  /// Returns how many visitors are remembered.
  [[nodiscard]] virtual std::size_t count_visitors() const = 0;

  void count_changed() {
    losses_.check();
    traffic_.check();
  }

  void close() {
    closing_.request_stop();
    losses_.close();
    traffic_.close();
    forget_visitors();
    for (const auto& each : channels_) each->close();
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

  const std::shared_ptr<Context> context_;
  service_pointer service_;
  runtime_type runtime_;
  std::vector<std::shared_ptr<channel_type>> channels_;
  io::udp_loss_reporter<runtime_type> losses_;
  io::udp_traffic_reporter<runtime_type> traffic_;
  io::task_group tasks_;
  std::stop_source closing_;
};

}  // namespace rathole::client_side
