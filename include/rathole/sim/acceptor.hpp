#pragma once

#include <rathole/sim/network.hpp>
#include <rathole/sim/stream.hpp>

#include <asio/post.hpp>

#include <memory>
#include <utility>

namespace rathole::sim {

/// A simulated listening socket; models `io::Acceptor`. Closed at the latest by its destructor.
/// Closing resets the connections that nobody accepted.
class acceptor {
 public:
  using stream = sim::stream;

  acceptor(std::shared_ptr<listener> state, host& on, const io::socket_options& options,
           census& counted)
      : state_(std::move(state)), host_(&on), options_(options), owned_(counted.acceptors) {}
  acceptor(acceptor&&) = default;
  acceptor& operator=(acceptor&& from) noexcept {
    close();
    state_ = std::move(from.state_);
    host_ = from.host_;
    options_ = from.options_;
    owned_ = std::move(from.owned_);
    return *this;
  }
  ~acceptor() { close(); }

  io::task<stream> accept() { return accept(state_, options_); }

  void close() {
    if (!state_ || !std::exchange(state_->open, false)) return;
    host_->listeners.erase(state_->local.port);
    for (stream& unaccepted : state_->waiting) unaccepted.abort();
    state_->waiting.clear();
    state_->arrival.notify();
    owned_.reset();
  }

  [[nodiscard]] const address& local() const { return state_->local; }

 private:
  static io::task<stream> accept(std::shared_ptr<listener> from, io::socket_options options) {
    co_await asio::post(from->executor, io::use_tuple);
    if (!from->open) co_return failure(errc::stopped);
    if (const auto ec = from->operations->tick(); ec) co_return failure(ec);
    for (;;) {
      if (!from->open) co_return failure(errc::stopped);
      if (!from->waiting.empty()) break;
      co_await from->arrival.wait();
    }
    stream first = std::move(from->waiting.front());
    from->waiting.pop_front();
    first.apply(options);
    co_return first;
  }

  std::shared_ptr<listener> state_;
  host* host_;
  io::socket_options options_;
  census::entry owned_;
};

}  // namespace rathole::sim
