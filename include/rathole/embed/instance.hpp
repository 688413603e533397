#pragma once

#include <rathole/client/client.hpp>
#include <rathole/client/datagram_receiver.hpp>
#include <rathole/client/stream_receiver.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/observer.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/protocol/channel_requests.hpp>
#include <rathole/server/connect_request.hpp>
#include <rathole/server/hooks.hpp>
#include <rathole/server/listening_addresses.hpp>
#include <rathole/server/server.hpp>
#include <rathole/transport/visit.hpp>
#include <rathole/version.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// What only an instance of the side `Block` can do.
template <class Block>
class instance_of_side;

/// What only a client can do.
template <>
class instance_of_side<config::client> {
 public:
  /// Serves the visitors of a service in the process; see `client_side::basic_client::receive`.
  virtual void receive(const std::string& service,
                       std::shared_ptr<client_side::stream_receiver> receiver) = 0;
  /// Serves a UDP service in the process; see `client_side::basic_client::receive`.
  virtual void receive(const std::string& service,
                       std::shared_ptr<client_side::datagram_receiver> receiver) = 0;

 protected:
  /// Destroys this part of an instance.
  ~instance_of_side() = default;
};

/// A client of a service; see `server_side::serving_client`.
struct service_client {
  /// Its address.
  std::string address = {};
  /// How many visitors it has.
  std::size_t visitors = 0;
  /// Whether new visitors avoid it.
  bool is_skipped = false;
};

/// The clients, data channels and waiting visitors of a service.
struct service_pool {
  /// The name of the service.
  std::string service = {};
  /// What waits for data channels, and what data channels wait for.
  protocol::channel_counts counts = {};
  /// The clients, in the order in which they came.
  std::vector<service_client> clients = {};
};

/// What only a server can do.
template <>
class instance_of_side<config::server> {
 public:
  /// Uses `hooks`; must be called before the start. See `server_side::basic_server::use`.
  virtual void use(std::shared_ptr<server_side::server_hooks> hooks) = 0;
  /// Lists the addresses of listeners in `list`; must be called before the start.
  virtual void list_addresses_in(std::shared_ptr<server_side::listening_addresses> list) = 0;
  /// Returns what each service that has a client keeps and waits for.
  [[nodiscard]] virtual std::vector<service_pool> pools() const = 0;
  /// Connects the program with a service; see `server_side::basic_server::connect`.
  virtual void connect(std::string_view service, std::stop_token cancel,
                       server_side::connect_completion done) = 0;

 protected:
  /// Destroys this part of an instance.
  ~instance_of_side() = default;
};

/// A client or server, whatever its transport; `Block` is `config::client` or `config::server`. All
/// functions must be called on the control plane.
template <class Block>
class instance : public instance_of_side<Block> {
 public:
  /// A function that receives the result of an operation.
  using completion = std::move_only_function<void(std::error_code)>;
  /// The listeners for clients that one server hands over to another; empty for a client.
  using listener_list =
      std::vector<std::shared_ptr<server_side::client_listener<io::tcp_acceptor>>>;

  /// Destroys the instance, which must have ended.
  virtual ~instance() = default;
  /// Numbers the connections; must be called before the start. See `number_connections_from` of client
  /// and server.
  virtual void number_connections_from(std::uint64_t first) = 0;
  /// Lets events say more about traffic; see `follow_traffic` of client and server.
  virtual void follow_traffic() = 0;
  /// Starts the instance. `ready` is called once: when a server listens, and at once for a client.
  /// `ended` is called when nothing of the instance is left, or with the error if it cannot listen.
  /// The instance must live until then.
  virtual void start(std::move_only_function<void()> ready, completion ended) = 0;
  /// Applies new settings; see `server_side::basic_server::async_update` and
  /// `client_side::basic_client::update`.
  virtual void update(const Block& next, completion done) = 0;
  /// Stops the instance; see `stop` of client and server.
  virtual void stop() = 0;
  /// Stops the instance and aborts its connections; see `stop_now` of client and server.
  virtual void stop_now() = 0;
  /// Drains the instance; see `drain` of client and server.
  virtual void drain() = 0;
  /// Returns whether its connections were aborted; see `has_aborted` of client and server.
  [[nodiscard]] virtual bool has_aborted() const = 0;
  /// Returns handles of the listeners for clients; see `server_side::basic_server::duplicate_listeners`.
  [[nodiscard]] virtual listener_list duplicate_listeners() const = 0;
  /// Takes over listeners for clients; see `server_side::basic_server::take_over`.
  virtual void take_over(listener_list from) = 0;
};

namespace detail {

/// An observer that passes events on, and calls `ready` when a server is ready.
template <class Next>
class ready_watch {
 public:
  /// Makes an observer that passes events to `next`, which must outlive it.
  explicit ready_watch(Next& next) : next_(next) {}

  /// Passes `event` on.
  template <class Event>
  void on(const Event& event) {
    if constexpr (std::is_same_v<Event, server_side::ready>) {
      try {
        notify(next_, event);
      } catch (const std::bad_alloc&) {
        // Only the observer misses the event.
      }
      ready();
    } else {
      notify(next_, event);
    }
  }

  /// The function to call when a server is ready.
  std::move_only_function<void()> ready;

 private:
  Next& next_;
};

/// An instance with the transport `T`. `next` receives its events and must outlive it.
template <class Block, transport::Transport T, class Next>
class any_instance : public instance<Block> {
 public:
  /// The type of callbacks; see `instance`.
  using typename instance<Block>::completion;
  /// The type of listeners; see `instance`.
  using typename instance<Block>::listener_list;

  /// Makes an instance that has not started.
  any_instance(T transport, const Block& settings, Next& next)
      : events_(next), program_(std::move(transport), settings, events_) {}

  void number_connections_from(std::uint64_t first) override {
    program_.number_connections_from(first);
  }
  void follow_traffic() override { program_.follow_traffic(); }

  void start(std::move_only_function<void()> ready, completion ended) override {
    events_.ready = std::move(ready);
    program_.async_run(std::move(ended));
    if constexpr (!is_server) events_.ready();
  }

  void update(const Block& next, completion done) override {
    if constexpr (is_server) {
      program_.async_update(next, std::move(done));
    } else {
      const auto updated = program_.update(next);
      done(updated ? std::error_code() : updated.error());
    }
  }

  void stop() override { program_.stop(); }
  void stop_now() override { program_.stop_now(); }
  void drain() override { program_.drain(); }
  [[nodiscard]] bool has_aborted() const override { return program_.has_aborted(); }

  [[nodiscard]] listener_list duplicate_listeners() const override {
    if constexpr (is_server) return program_.duplicate_listeners();
    return {};
  }
  void take_over(listener_list from) override {
    if constexpr (is_server) program_.take_over(std::move(from));
  }

 private:
  static constexpr bool is_server = std::is_same_v<Block, config::server>;
  using observer_type = ready_watch<Next>;
  using program_type = std::conditional_t<is_server, server_side::basic_server<T, observer_type>,
                                          client_side::basic_client<T, observer_type>>;

  observer_type events_;

 protected:
  /// The client or server.
  program_type program_;
};

/// An instance with the transport `T`.
template <class Block, transport::Transport T, class Next>
class instance_with;

/// A client with the transport `T`.
template <transport::Transport T, class Next>
class instance_with<config::client, T, Next> final : public any_instance<config::client, T, Next> {
 public:
  using any_instance<config::client, T, Next>::any_instance;

  void receive(const std::string& service,
               std::shared_ptr<client_side::stream_receiver> receiver) override {
    this->program_.receive(service, std::move(receiver));
  }
  void receive(const std::string& service,
               std::shared_ptr<client_side::datagram_receiver> receiver) override {
    this->program_.receive(service, std::move(receiver));
  }
};

/// A server with the transport `T`.
template <transport::Transport T, class Next>
class instance_with<config::server, T, Next> final : public any_instance<config::server, T, Next> {
 public:
  using any_instance<config::server, T, Next>::any_instance;

  void use(std::shared_ptr<server_side::server_hooks> hooks) override {
    this->program_.use(std::move(hooks));
  }
  void list_addresses_in(std::shared_ptr<server_side::listening_addresses> list) override {
    this->program_.list_addresses_in(std::move(list));
  }
  [[nodiscard]] std::vector<service_pool> pools() const override {
    std::vector<service_pool> out;
    this->program_.for_each_pool(
        [&out](const config::server_service& service, const protocol::channel_counts& counts) {
          out.push_back({.service = service.name, .counts = counts});
        });
    this->program_.for_each_client(
        [&out](const config::server_service& service, const server_side::serving_client& of) {
          const auto found = std::ranges::find(out, service.name, &service_pool::service);
          found->clients.push_back({to_string(of.peer), of.visitors, of.is_skipped});
        });
    return out;
  }
  void connect(std::string_view service, std::stop_token cancel,
               server_side::connect_completion done) override {
    this->program_.connect(service, std::move(cancel), std::move(done));
  }
};

}  // namespace detail

/// Makes an instance in the runtime `runtime` with the transport `prepared`. `observer` must
/// outlive it.
template <class Block, class Prepared, class Observer>
std::unique_ptr<instance<Block>> make_instance(const Prepared& prepared, io::asio_runtime runtime,
                                               const Block& settings, Observer& observer) {
  const auto make = [&](auto transport) -> std::unique_ptr<instance<Block>> {
    using made = detail::instance_with<Block, decltype(transport), Observer>;
    return std::make_unique<made>(std::move(transport), settings, observer);
  };
  return transport::visit(prepared, runtime, make);
}

}  // namespace rathole::embed::inline RATHOLE_ABI
