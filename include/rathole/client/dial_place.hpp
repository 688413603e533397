#pragma once

#include <rathole/core/attempt_pacer.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/handler_memory.hpp>
#include <rathole/io/task.hpp>
#include <rathole/protocol/descriptor_budget.hpp>

#include <asio/post.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

namespace rathole::client {

/// The server's commands for data channels: since when each is unanswered, and why.
using dial_commands = std::multimap<time_point, std::error_code>;

/// The place that a data channel has among those of its control channel, from the dial to the end of
/// its use. It lives on the control plane; the data channel reports to it from its own thread. It has
/// the memory for all that from the beginning, so that a place is given back, and a command not lost,
/// whatever memory runs out meanwhile. Held by `shared_ptr`.
template <class Channel>
class dial_place : public std::enable_shared_from_this<dial_place<Channel>> {
 public:
  /// Of a channel whose control plane is `home`.
  dial_place(std::shared_ptr<Channel> of, io::executor home) : home_(home), owner_(std::move(of)) {}
  dial_place(const dial_place&) = delete;
  dial_place& operator=(const dial_place&) = delete;

  /// Begins to dial for `command`. The owner counts the place in `dials` and in `descriptors`.
  void begin(dial_commands::node_type command, attempt_pacer::round round, std::size_t& dials,
             std::size_t& descriptors) {
    command_ = std::move(command);
    round_ = round;
    count_in(dials, descriptors);
  }

  /// Has the owner notified by `dialled(place, error)`. Called on the data channel's thread.
  void report_dialled(std::error_code failed) {
    report(dialled_memory_, [failed](dial_place& me) { me.dialled(failed); });
  }
  /// The same by `wait_done(place, error)`.
  void report_wait_done(std::error_code failed) {
    report(wait_memory_, [failed](dial_place& me) { me.wait_done(failed); });
  }

  /// The same by `channel_ended(place, reason)`, if the owner was not released before. What was not
  /// reported until then has failed with `reason`.
  void report_ended(std::error_code reason) {
    report(ended_memory_, [reason](dial_place& me) { me.ended(reason); });
  }

  /// The owner, as long as nothing was reported.
  [[nodiscard]] const std::shared_ptr<Channel>& owner() const { return owner_; }

  /// Counts the place in `channels` and in `descriptors` from now on, instead of where it was.
  void count_in(std::size_t& channels, std::size_t& descriptors) {
    place_.emplace(channels);
    descriptor_.emplace(descriptors);
  }
  /// Counts it nowhere any more.
  void count_out() {
    place_.reset();
    descriptor_.reset();
  }

  /// The command that it is for. Taken back by an owner who dials once more.
  dial_commands::node_type take_command() { return std::move(command_); }
  [[nodiscard]] attempt_pacer::round round() const { return round_; }
  /// The owner needs to hear nothing more.
  void release_owner() { owner_.reset(); }

 private:
  enum class stage { dialling, waiting, in_use };

  // The owner may be released meanwhile, by the last who has it.

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
    asio::post(home_, io::in_memory(memory_pointer(self, &memory), [self, work] { work(*self); }));
  }

  const io::executor home_;
  // Above the counts, which are its own.
  std::shared_ptr<Channel> owner_;
  dial_commands::node_type command_;
  attempt_pacer::round round_ = 0;
  stage stage_ = stage::dialling;
  std::optional<protocol::descriptor_lease> place_;
  std::optional<protocol::descriptor_lease> descriptor_;
  io::handler_memory dialled_memory_;
  io::handler_memory wait_memory_;
  io::handler_memory ended_memory_;
};

}  // namespace rathole::client
