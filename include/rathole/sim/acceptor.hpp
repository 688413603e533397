#pragma once

#include <rathole/sim/network.hpp>
#include <rathole/sim/own_memory.hpp>
#include <rathole/sim/stream.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace rathole::sim {

/// A simulated listening socket; models `io::Acceptor`. Closing resets the connections that were
/// not accepted. The destructor closes it.
class acceptor {
 public:
  /// The type of accepted connections.
  using stream = sim::stream;

  /// Makes an acceptor of the listener `state` on the host `on`; `counted` counts it while it is
  /// open.
  acceptor(std::shared_ptr<listener> state, host& on, const io::socket_options& options,
           resource_counts& counted)
      : state_(std::move(state)),
        arrival_(std::make_shared<io::event>(state_->executor)),
        host_(&on),
        options_(options),
        counts_(&counted),
        owned_(counted.acceptors) {
    state_->handles.push_back(arrival_);
  }
  /// Takes over another acceptor.
  acceptor(acceptor&&) = default;
  /// Closes this acceptor and takes over `from`.
  acceptor& operator=(acceptor&& from) noexcept {
    close();
    state_ = std::move(from.state_);
    arrival_ = std::move(from.arrival_);
    host_ = from.host_;
    options_ = from.options_;
    counts_ = from.counts_;
    owned_ = std::move(from.owned_);
    return *this;
  }
  /// Stops listening, unless a duplicate is open.
  ~acceptor() { close(); }

  /// Returns the next connection; see `io::Acceptor`.
  io::task<stream> accept() { return accept(state_, arrival_, options_); }

  /// Stops listening, unless a duplicate is open; see `io::Acceptor`.
  void close() {
    if (!state_ || std::erase(state_->handles, arrival_) == 0) return;
    if (state_->handles.empty()) {
      host_->listeners.erase(state_->local.port);
      for (stream& unaccepted : state_->waiting) unaccepted.abort();
      state_->waiting.clear();
    }
    arrival_->notify();
    owned_.reset();
  }

  /// Returns the address that it is bound to.
  [[nodiscard]] const address& local() const { return state_->local; }

  /// Returns a second handle of the listener; see `io::Acceptor`.
  [[nodiscard]] result<acceptor> duplicate() const {
    const own_memory here;
    return acceptor(state_, *host_, options_, *counts_);
  }

 private:
  static bool is_open(const listener& of, const std::shared_ptr<io::event>& handle) {
    return std::ranges::find(of.handles, handle) != of.handles.end();
  }

  static io::task<stream> accept(std::shared_ptr<listener> from, std::shared_ptr<io::event> arrival,
                                 io::socket_options options) {
    if (!from->operations->may_complete_at_once()) {
      co_await io::next_turn(from->executor);
    }
    if (!is_open(*from, arrival)) co_return failure(errc::stopped);
    if (const auto ec = from->operations->tick(); ec) co_return failure(ec);
    for (;;) {
      if (!is_open(*from, arrival)) co_return failure(errc::stopped);
      if (!from->waiting.empty()) break;
      co_await arrival->wait();
    }
    stream first = std::move(from->waiting.front());
    from->waiting.pop_front();
    first.apply(options);
    co_return first;
  }

  std::shared_ptr<listener> state_;
  std::shared_ptr<io::event> arrival_;
  host* host_;
  io::socket_options options_;
  resource_counts* counts_;
  resource_counts::entry owned_;
};

}  // namespace rathole::sim
