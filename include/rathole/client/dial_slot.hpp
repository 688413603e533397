#pragma once

#include <rathole/core/attempt_pacer.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/run/handler_memory.hpp>
#include <rathole/io/task.hpp>
#include <rathole/protocol/descriptor_budget.hpp>

#include <asio/post.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

namespace rathole::client_side {

/// The server's requests for data channels: when each was made, and why its dial failed, if there was
/// one.
using dial_requests = std::multimap<time_point, std::error_code>;

/// Counts one data channel of a control channel, from its dial to its end. It lives on the control
/// plane, and the data channel reports to it from its own thread. It owns the memory for these
/// reports from the start, so that a lack of memory loses neither the slot nor the request. Must be
/// held by `shared_ptr`.
template <class Channel>
class dial_slot : public std::enable_shared_from_this<dial_slot<Channel>> {
 public:
  /// Makes a slot of the control channel `of`, whose control plane is `home`.
  dial_slot(std::shared_ptr<Channel> of, io::executor home) : home_(home), owner_(std::move(of)) {}
  dial_slot(const dial_slot&) = delete;
  dial_slot& operator=(const dial_slot&) = delete;

  /// Begins to dial for `request`, and counts the slot in `dials` and in `descriptors`.
  void begin(dial_requests::node_type request, attempt_pacer::round round, std::size_t& dials,
             std::size_t& descriptors) {
    request_ = std::move(request);
    round_ = round;
    count_in(dials, descriptors);
  }

  /// Sets how many descriptors the data channel uses, one if it is not called; takes effect at the
  /// next call of `count_in`. It is called on the data channel's thread, before `report_dialled`.
  void set_descriptors(std::size_t count) { descriptors_ = count; }

  /// Calls `dialled(slot, failed)` of the owner on the control plane's thread. The `report`
  /// functions are called on the data channel's thread.
  void report_dialled(std::error_code failed) {
    report(dialled_memory_, [failed](dial_slot& me) { me.dialled(failed); });
  }
  /// Calls `wait_done(slot, failed)` of the owner in the same way.
  void report_wait_done(std::error_code failed) {
    report(wait_memory_, [failed](dial_slot& me) { me.wait_done(failed); });
  }

  /// Calls `channel_ended(slot, reason)` of the owner in the same way, unless the owner was
  /// released before. Steps that were not reported before count as failed with `reason`.
  void report_ended(std::error_code reason) {
    report(ended_memory_, [reason](dial_slot& me) { me.ended(reason); });
  }

  /// Returns the owner; valid until the first report.
  [[nodiscard]] const std::shared_ptr<Channel>& owner() const { return owner_; }

  /// Counts the slot in `channels` and in `descriptors` instead of the previous counters.
  void count_in(std::size_t& channels, std::size_t& descriptors) {
    channel_lease_.emplace(channels);
    descriptor_lease_.emplace(descriptors, descriptors_);
  }
  /// Stops counting the slot.
  void count_out() {
    channel_lease_.reset();
    descriptor_lease_.reset();
  }

  /// Moves the request out of the slot, for an owner that dials for it again.
  dial_requests::node_type take_request() { return std::move(request_); }
  /// Returns the round of the pacer in which the dial began.
  [[nodiscard]] attempt_pacer::round round() const { return round_; }
  /// Releases the owner, which then gets no more calls.
  void release_owner() { owner_.reset(); }

 private:
  enum class stage { dialling, waiting, in_use };

  // A call to the owner may release it, and this slot may hold the last pointer to it.

  void dialled(std::error_code failed) {
    if (stage_ != stage::dialling) return;
    stage_ = failed ? stage::in_use : stage::waiting;
    const auto owner = owner_;
    owner->dialled(*this, failed);
  }

  void wait_done(std::error_code failed) {
    if (stage_ != stage::waiting) return;
    stage_ = stage::in_use;
    const auto owner = owner_;
    owner->wait_done(*this, failed);
  }

  void ended(std::error_code reason) {
    dialled(reason);
    wait_done(reason);
    if (const auto owner = std::exchange(owner_, nullptr)) owner->channel_ended(*this, reason);
  }

  template <class F>
  void report(io::handler_memory& memory, F work) {
    const auto self = this->shared_from_this();
    using memory_pointer = std::shared_ptr<io::handler_memory>;
    asio::post(home_,
               io::memory_bound(memory_pointer(self, &memory), [self, work] { work(*self); }));
  }

  const io::executor home_;
  // Declared before the leases, whose counters belong to the owner.
  std::shared_ptr<Channel> owner_;
  dial_requests::node_type request_;
  attempt_pacer::round round_ = 0;
  stage stage_ = stage::dialling;
  std::size_t descriptors_ = 1;
  std::optional<protocol::descriptor_lease> channel_lease_;
  std::optional<protocol::descriptor_lease> descriptor_lease_;
  io::handler_memory dialled_memory_;
  io::handler_memory wait_memory_;
  io::handler_memory ended_memory_;
};

}  // namespace rathole::client_side
