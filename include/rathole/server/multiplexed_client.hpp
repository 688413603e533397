#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/io/mux/connection.hpp>
#include <rathole/mux/error.hpp>
#include <rathole/protocol/descriptor_budget.hpp>

#include <cassert>
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>

namespace rathole::server_side {

/// An unauthenticated connection; see `admission_control`.
template <class Context>
using pending_connection = std::unique_ptr<typename Context::admission_type::connection>;

template <class Context>
class served_stream;

/// Counts a stream of a `multiplexed_client`; null for a connection of its own.
template <class Context>
using served_stream_pointer = std::unique_ptr<served_stream<Context>>;

/// The client at the other end of a multiplexed connection. It decides whether the connection counts
/// as unauthenticated, and when it ends. It lives on the control plane, and is held by `shared_ptr`.
///
/// The connection is authenticated while one of its streams is: a control channel whose client has
/// proved that it knows a token, or a data channel that named a session; so a forwarded connection
/// that outlives its control channel keeps the connection. At all other times it counts as one
/// unauthenticated connection, whatever the number of its streams, and ends at the deadline of that.
template <class Context>
class multiplexed_client : public std::enable_shared_from_this<multiplexed_client<Context>> {
 public:
  /// The type of the connection.
  using connection_type =
      io::mux_connection<typename Context::runtime_type, typename Context::connection_type>;

  /// Makes the client of `link`, which is not authenticated: `pending` counts it.
  multiplexed_client(std::shared_ptr<Context> context, std::shared_ptr<connection_type> link,
                     pending_connection<Context> pending)
      : context_(std::move(context)), link_(std::move(link)) {
    wait_for_authentication(std::move(pending));
  }
  multiplexed_client(const multiplexed_client&) = delete;
  multiplexed_client& operator=(const multiplexed_client&) = delete;

  /// Returns the address of the client.
  [[nodiscard]] const address& peer() const { return link_->peer(); }
  /// Returns the connection.
  [[nodiscard]] const std::shared_ptr<connection_type>& link() const { return link_; }

  /// Accepts no more streams; the connection ends with those that it has.
  void leave() {
    is_leaving_ = true;
    link_->go_away();
    close_if_left();
  }

  /// Records that the Hello of a stream has arrived, which is a step of the handshake.
  void step_done() {
    if (pending_) {
      auto deadline = pending_->deadline();
      deadline.step_done(context_->runtime().now());
    }
  }

  /// Returns why the connection, which ended because of `ended`, counts as refused; no error if it
  /// is authenticated, or if what became of its streams was reported and the client broke no rule.
  [[nodiscard]] std::error_code refusal(std::error_code ended) const {
    const bool is_breach = ended.category() == mux::mux_category();
    if (!pending_ || (has_served_ && !is_breach)) return {};
    return pending_->explain(ended);
  }

 private:
  friend served_stream<Context>;

  void wait_for_authentication(pending_connection<Context> pending) {
    pending_ = std::move(pending);
    held_.reset();
    // Its streams may be those of a client that only waits for its next service.
    const bool in_order = has_served_;
    expiring_.emplace(pending_->stopping(),
                      [this, in_order] { in_order ? link_->close() : link_->abort(); });
  }

  void authenticated() {
    if (authenticated_++ > 0) return;
    expiring_.reset();
    pending_.reset();
    held_.emplace(context_->descriptors.use.multiplexed);
    link_->authenticated();
  }

  void unauthenticated() {
    if (--authenticated_ > 0 || is_leaving_ || link_->has_ended()) return;
    link_->unauthenticated();
    try {
      wait_for_authentication(context_->admission->admit(peer()));
    } catch (const std::bad_alloc&) {
      link_->abort();
    }
  }

  void stream_ended() {
    --streams_;
    close_if_left();
  }

  void close_if_left() {
    if (is_leaving_ && streams_ == 0) link_->close();
  }

  const std::shared_ptr<Context> context_;
  const std::shared_ptr<connection_type> link_;
  /// Counts the connection while it is not authenticated.
  pending_connection<Context> pending_;
  /// Ends the connection when `pending_` wants that.
  std::optional<std::stop_callback<std::function<void()>>> expiring_;
  /// Counts the connection while it is authenticated.
  std::optional<protocol::descriptor_lease> held_;
  /// The number of streams that are served.
  std::size_t streams_ = 0;
  /// The number of those that are authenticated.
  std::size_t authenticated_ = 0;
  bool has_served_ = false;
  bool is_leaving_ = false;
};

/// Counts a stream of a `multiplexed_client` while it is served.
template <class Context>
class served_stream {
 public:
  /// Counts a stream of `client` that is not authenticated.
  explicit served_stream(std::shared_ptr<multiplexed_client<Context>> client)
      : client_(std::move(client)) {
    ++client_->streams_;
  }
  served_stream(const served_stream&) = delete;
  served_stream& operator=(const served_stream&) = delete;
  /// Stops counting it.
  ~served_stream() {
    if (is_authenticated_) client_->unauthenticated();
    client_->stream_ended();
  }

  /// Records that its Hello has arrived; what becomes of it is reported.
  void begun() {
    client_->has_served_ = true;
    client_->step_done();
  }

  /// Records that it is authenticated.
  void authenticated() {
    assert(!is_authenticated_);
    is_authenticated_ = true;
    client_->authenticated();
  }

 private:
  const std::shared_ptr<multiplexed_client<Context>> client_;
  bool is_authenticated_ = false;
};

}  // namespace rathole::server_side
