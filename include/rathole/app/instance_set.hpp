#pragma once

#include <rathole/embed/instance.hpp>
#include <rathole/app/lifecycle.hpp>
#include <rathole/version.hpp>

#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace rathole::app::inline RATHOLE_ABI {

/// Owns the instances of the program: the running one, the one that is being started to replace it,
/// and those that were replaced and still have active connections. An instance is destroyed later by
/// the context, because one of its own calls may be running. All functions must be called on the
/// control plane.
template <class Block>
class instance_set {
 public:
  /// The type of the instances.
  using instance_type = embed::instance<Block>;
  /// An owner of an instance.
  using pointer = std::unique_ptr<instance_type>;

  /// Makes an empty set. `context` must outlive it.
  explicit instance_set(asio::io_context& context) : context_(context) {}

  /// Makes `first` the running instance.
  void add_first(pointer first) { running_ = std::move(first); }

  /// Returns the running instance; `add_first` must have been called.
  [[nodiscard]] instance_type& running() { return *running_; }

  /// Keeps `next` as the replacement, and hands the listeners of the running instance over to it.
  void add_replacement(pointer next) {
    replacement_ = std::move(next);
    replacement_->take_over(running_->duplicate_listeners());
  }

  /// Returns the replacement, which must exist.
  [[nodiscard]] instance_type& replacement() { return *replacement_; }

  /// Makes the replacement the running instance, and drains the one that ran.
  void promote_replacement() {
    running_->drain();
    draining_.push_back(std::exchange(running_, std::move(replacement_)));
  }

  /// Destroys the replacement, if there is one.
  void drop_replacement() { destroy_later(std::move(replacement_)); }

  /// Stops all instances. Connections may continue as long as the settings allow, except those of a
  /// replacement.
  void stop() {
    running_->stop();
    if (replacement_) replacement_->stop_now();
    for (const auto& each : draining_) each->stop();
  }

  /// Aborts the connections of the instances that drain.
  void abort_draining() {
    for (const auto& each : draining_) each->stop_now();
  }

  /// Returns the role of `ended`, of which nothing is left; destroys it if it was draining.
  instance_role remove_ended(const instance_type& ended) {
    const auto is_it = [&](const pointer& each) { return each.get() == &ended; };
    const auto found = std::ranges::find_if(draining_, is_it);
    if (found != draining_.end()) {
      destroy_later(std::move(*found));
      draining_.erase(found);
      return instance_role::draining;
    }
    return is_it(replacement_) ? instance_role::replacement : instance_role::running;
  }

 private:
  void destroy_later(std::shared_ptr<instance_type> what) {
    asio::post(context_, [gone = std::move(what)] {});
  }

  asio::io_context& context_;
  pointer running_;
  pointer replacement_;
  std::vector<pointer> draining_;
};

}  // namespace rathole::app::inline RATHOLE_ABI
