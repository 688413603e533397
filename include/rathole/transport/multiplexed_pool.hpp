#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/core/step_deadline.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/concepts.hpp>
#include <rathole/io/mux/connection.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/io/time/alarm.hpp>
#include <rathole/io/time/step_alarm.hpp>
#include <rathole/mux/constants.hpp>
#include <rathole/mux/settings.hpp>
#include <rathole/transport/concepts.hpp>
#include <rathole/transport/failed_dials.hpp>
#include <rathole/transport/multiplexing_refusals.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::transport {

/// How often a client looks whether there is room for another stream after others have ended.
inline constexpr duration room_check_interval = std::chrono::milliseconds(250);

/// The longest time that a connection without streams may take to send its last bytes.
inline constexpr duration multiplexed_close_timeout = std::chrono::seconds(1);

/// The connections of one client that carry multiplexed streams; see `multiplexed`. It is held by
/// `shared_ptr` and lives with all of them on one executor.
template <io::Runtime R, io::ByteStream S>
class multiplexed_pool : public std::enable_shared_from_this<multiplexed_pool<R, S>> {
 public:
  /// The type of connections.
  using connection_type = io::mux_connection<R, S>;
  /// The type of streams.
  using stream_type = typename connection_type::stream_type;
  /// A function that receives refusals.
  using refusal_handler = std::function<void(const multiplexing_refusal&)>;

  /// Makes a pool without connections in the runtime `runtime`, which spreads streams over `wanted`
  /// connections to each server.
  multiplexed_pool(R runtime, std::size_t wanted)
      : runtime_(std::move(runtime)), wanted_(wanted), group_(runtime_.get_executor()) {}

  /// Returns the runtime of the pool.
  R& runtime() { return runtime_; }
  /// Returns the number of connections to each server that streams are spread over.
  [[nodiscard]] std::size_t wanted() const { return wanted_; }
  /// Returns the number of connections.
  [[nodiscard]] std::size_t size() const { return members_.size(); }

  /// Lets `handler` receive the refusals; an empty function receives none.
  void on_refused(refusal_handler handler) { report_ = std::move(handler); }

  /// Returns whether the server at `to` is to be asked for multiplexing.
  [[nodiscard]] bool may_ask(const address& to) const {
    return refusals_.may_ask(to, runtime_.now());
  }

  /// Returns whether a connection to `to` is being dialled.
  [[nodiscard]] bool is_dialling(const address& to) const {
    return std::ranges::find(dialling_, to) != dialling_.end();
  }

  /// Returns whether there is a connection to `to` that multiplexes, and on which streams may be
  /// opened as far as their number does not matter.
  [[nodiscard]] bool multiplexes(const address& to) const { return !usable_for(to).empty(); }

  /// What to do to get a stream.
  enum class step {
    /// `open` is likely to succeed.
    open,
    /// A connection is to be dialled.
    dial,
    /// Another dial must end first.
    wait,
  };

  /// Returns what to do to get a stream to the server at `to`. One connection is dialled at a time.
  /// Another one is dialled while there are fewer than `wanted()`, unless one of them has no
  /// streams. While one cannot be dialled, there are pauses; see `failed_dials`.
  [[nodiscard]] step next_step(const address& to) const {
    const std::vector<const member*> usable = usable_for(to);
    const auto is_full = [](const member* each) { return each->link->is_full(); };
    if (std::ranges::all_of(usable, is_full)) return step_without_room(to);
    // The server refuses further streams on a connection until one of them has authenticated.
    if (std::ranges::none_of(usable, has_room)) return step::wait;
    const bool has_idle =
        std::ranges::any_of(usable, [](const member* each) { return each->link->streams() == 0; });
    const bool wants_more =
        usable.size() < wanted_ && !has_idle && may_add(to, extra_connection_pause);
    return wants_more && !is_dialling(to) ? step::dial : step::open;
  }

  /// Returns what to do if no connection to `to` takes another stream: to dial one, or to wait for
  /// another dial, or for a moment because the last one failed.
  [[nodiscard]] step step_without_room(const address& to) const {
    const bool pauses = multiplexes(to) && !may_add(to, needed_connection_pause);
    return pauses || is_dialling(to) ? step::wait : step::dial;
  }

  /// Opens a stream to the server at `to` on the connection that has the fewest. Fails if there is
  /// no connection that takes another stream.
  result<stream_type> open(const address& to) {
    for (member& each : members_) {
      // The server counts a connection without streams as unauthenticated again.
      if (each.link->streams() == 0) each.is_authenticated = false;
    }
    std::vector<const member*> usable = usable_for(to);
    const auto streams = [](const member* each) { return each->link->streams(); };
    std::erase_if(usable, std::not_fn(has_room));
    std::error_code last = errc::limit_reached;
    while (!usable.empty()) {
      const auto fewest = std::ranges::min_element(usable, {}, streams);
      auto opened = (*fewest)->link->open();
      if (opened) return opened;
      last = opened.error();
      usable.erase(fewest);
    }
    return failure(last);
  }

  /// A dial in progress; at its end all coroutines in `wait` continue.
  class dial {
   public:
    /// Begins a dial to `to`.
    dial(std::shared_ptr<multiplexed_pool> all, const address& to) : all_(std::move(all)), to_(to) {
      all_->dialling_.push_back(to);
    }
    dial(const dial&) = delete;
    dial& operator=(const dial&) = delete;
    /// Ends the dial.
    ~dial() {
      all_->dialling_.erase(std::ranges::find(all_->dialling_, to_));
      all_->wake_all();
    }

   private:
    const std::shared_ptr<multiplexed_pool> all_;
    const address to_;
  };

  /// Adds a connection that was dialled as `to`, and opens its first stream. `below` has exchanged
  /// the Hellos.
  result<stream_type> add(const address& to, S below, const mux::settings& own,
                          const mux::parameters& peer) {
    if (is_closed_) return failure(errc::stopped);
    refusals_.accepted(to, below.peer());
    failed_.succeeded(name_of(to));
    const auto link =
        connection_type::make(runtime_, std::move(below), mux::role::client, own, peer);
    link->authenticated();
    // The pool exists as long as the connection receives, because `keep` holds both.
    link->set_on_acknowledged([this, on = link.get()] { authenticated(*on); });
    members_.push_back({name_of(to), link, false});
    try {
      group_.spawn(keep(this->shared_from_this(), link));
    } catch (...) {
      remove(*link);
      throw;
    }
    return link->open();
  }

  /// Records that the server has accepted a stream of `on` as authenticated.
  void authenticated(const io::mux_flows& on) {
    const auto is_it = [&on](const member& each) { return each.link.get() == &on; };
    const auto found = std::ranges::find_if(members_, is_it);
    if (found != members_.end() && !std::exchange(found->is_authenticated, true)) wake_all();
  }

  /// Records that no connection to `to` could be added, because of `error`.
  void dial_failed(const address& to, std::error_code error) {
    failed_.failed(name_of(to), error, runtime_.now());
  }

  /// Returns why a caller that has waited until its deadline got no stream to `to`: if all connections
  /// are full, because none could be added.
  [[nodiscard]] std::error_code why_no_room(const address& to) const {
    const auto is_full = [](const member* each) { return each->link->is_full(); };
    const auto failed = failed_.why(name_of(to), runtime_.now());
    const bool applies = failed && std::ranges::all_of(usable_for(to), is_full);
    return applies ? *failed : make_error_code(errc::timed_out);
  }

  /// Opens no more streams on the connections to the server that was dialled as `server`. They end
  /// with their last stream; a later stream gets another connection.
  void leave(const address& server) {
    for (const member& each : members_) {
      if (each.name == server) each.link->go_away();
    }
  }

  /// Records that the server that was dialled as `to`, and is at `peer`, has not answered the Hello
  /// because of `error`; see `multiplexing_refusals`.
  void refused(const address& to, const address& peer, std::error_code error) {
    report(refusals_.refused(to, peer, error, runtime_.now()));
  }
  /// Records that a connection without multiplexing to `to` is being dialled.
  void plain_begun(const address& to) { refusals_.plain_begun(to, runtime_.now()); }
  /// Records that this dial has led to the server at `peer`.
  void plain_dialled(const address& to, const address& peer) { refusals_.plain_dialled(to, peer); }
  /// Records that this dial has failed.
  void plain_failed(const address& to) { refusals_.plain_failed(to); }
  /// Records that the server at `peer` has authenticated a connection without multiplexing. It says
  /// nothing while connections to it multiplex.
  void answered_plain(const address& peer) {
    if (!multiplexes(peer)) report(refusals_.answered(peer, runtime_.now()));
  }

  /// Lets all servers be asked again, because the settings have changed.
  void forget_refusals() { refusals_.clear(); }

  /// Waits until a dial has ended or there may be room for a stream. Fails with `errc::timed_out` at
  /// the deadline, and with `errc::stopped` if `stop` is requested.
  static io::task<void> wait(std::shared_ptr<multiplexed_pool> self, step_deadline deadline,
                             std::stop_token stop) {
    io::event woken(self->runtime_.get_executor());
    const auto wake = [&woken] { woken.notify(); };
    const io::stop_action on_stop(stop, self->runtime_.get_executor(), wake);
    const io::step_alarm<R> on_timeout(self->runtime_, deadline, wake);
    // A stream that ends makes room, too, and does not report it.
    const io::alarm<R> look_again(self->runtime_, self->runtime_.now() + room_check_interval, wake);
    const waiter here(*self, woken);
    co_await woken.wait();
    if (stop.stop_requested()) co_return failure(errc::stopped);
    const std::error_code late = on_timeout.explain({});
    if (late) co_return failure(late);
    co_return result<void>{};
  }

  /// Closes all connections, now and in the future, and returns once they have ended. What they
  /// still have to send gets at most `multiplexed_close_timeout`.
  static io::awaitable<void> close(std::shared_ptr<multiplexed_pool> self) {
    self->is_closed_ = true;
    self->report_ = nullptr;
    const auto each_link = [&self](auto what) {
      const auto members = self->members_;
      for (const member& each : members) what(*each.link);
    };
    const auto abort = [each_link] { each_link([](connection_type& link) { link.abort(); }); };
    const io::alarm<R> on_timeout(self->runtime_, self->runtime_.now() + multiplexed_close_timeout,
                                  abort);
    each_link([](connection_type& link) { link.close(); });
    co_await self->group_.join();
  }

 private:
  struct member {
    /// The address by which it was dialled, or the connection before it to the same server.
    address name;
    std::shared_ptr<connection_type> link;
    /// Whether the server has accepted one of its streams as authenticated, as far as is known.
    bool is_authenticated = false;
  };

  /// Returns whether the server is expected to accept another stream.
  static bool has_room(const member* each) {
    if (each->link->is_full()) return false;
    return each->is_authenticated || each->link->streams() < mux::max_unauthenticated_streams;
  }

  /// Returns whether another connection to `to` may be tried, `pause` after one failed.
  [[nodiscard]] bool may_add(const address& to, duration pause) const {
    return failed_.may_dial(name_of(to), pause, runtime_.now());
  }

  void report(const std::optional<multiplexing_refusals::report>& refusal) {
    if (refusal && report_) report_({refusal->server, refusal->error, refusal->pause});
  }

  /// Lets `wake_all` notify an event while it exists.
  class waiter {
   public:
    waiter(multiplexed_pool& all, io::event& woken) : all_(all), woken_(&woken) {
      all_.waiting_.push_back(woken_);
    }
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;
    ~waiter() { std::erase(all_.waiting_, woken_); }

   private:
    multiplexed_pool& all_;
    io::event* woken_;
  };

  void wake_all() {
    for (io::event* each : waiting_) each->notify();
  }

  [[nodiscard]] std::vector<const member*> usable_for(const address& to) const {
    std::vector<const member*> out;
    for (const member& each : members_) {
      const bool leads_there = each.name == to || each.link->peer() == to;
      if (leads_there && each.link->is_usable()) out.push_back(&each);
    }
    return out;
  }

  /// Returns the name of the server at `to`, which may be an address that an earlier connection
  /// reached by a name.
  [[nodiscard]] address name_of(const address& to) const {
    const auto found =
        std::ranges::find_if(members_, [&](const member& each) { return each.link->peer() == to; });
    return found == members_.end() ? to : found->name;
  }

  static io::awaitable<void> keep(std::shared_ptr<multiplexed_pool> self,
                                  std::shared_ptr<connection_type> link) {
    co_await link->run();
    self->remove(*link);
  }

  void remove(const connection_type& gone) {
    std::erase_if(members_, [&](const member& each) { return each.link.get() == &gone; });
    wake_all();
  }

  R runtime_;
  const std::size_t wanted_;
  std::vector<member> members_;
  std::vector<address> dialling_;
  std::vector<io::event*> waiting_;
  multiplexing_refusals refusals_;
  refusal_handler report_;
  failed_dials failed_;
  bool is_closed_ = false;
  io::task_group group_;
};

}  // namespace rathole::transport
