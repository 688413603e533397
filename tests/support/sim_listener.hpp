#pragma once

#include "support/sim_tunnel.hpp"

#include <rathole/embed/impl/to_public_error.hpp>
#include <rathole/embed/listener_core.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/stream.hpp>

#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::test {

/// An operation that a program started, and how it has completed.
struct operation {
  /// Cancels it.
  asio::cancellation_signal signal;
  /// How often its handler was called.
  int calls = 0;
  std::error_code error;
};

/// An owner of an operation; its handler is another one while it exists.
using operation_pointer = std::shared_ptr<operation>;

/// What starts the operations of a program, and checks that no handler is called inside that.
class operation_starter {
 public:
  /// Calls `what`, inside which no handler may be called.
  template <class F>
  void call(F what) {
    is_calling_ = true;
    what();
    is_calling_ = false;
  }

  /// Starts an operation: calls `begin(handler)`, and `next(error, results...)` on its completion.
  template <class Begin, class Next>
  operation_pointer start(Begin begin, Next next) {
    auto made = std::make_shared<operation>();
    all.push_back(made);
    call([&] { begin(handler<Next>{*this, made, std::move(next)}); });
    CHECK(made->calls == 0);
    return made;
  }

  /// Cancels `what`, if it is running; returns whether it was.
  bool cancel(const operation_pointer& what,
              asio::cancellation_type type = asio::cancellation_type::total) {
    if (!what || what->calls != 0) return false;
    call([&] { what->signal.emit(type); });
    return true;
  }

  /// Returns how many operations have not completed.
  [[nodiscard]] std::size_t running() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(all, [](const auto& each) { return each->calls == 0; }));
  }

  /// All operations that were started.
  std::vector<operation_pointer> all;

 private:
  template <class Next>
  struct handler {
    using cancellation_slot_type = asio::cancellation_slot;
    [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept {
      return of->signal.slot();
    }

    template <class... R>
    void operator()(std::error_code ec, R... results) {
      CHECK_FALSE(by.is_calling_);
      ++of->calls;
      of->error = ec;
      next(ec, std::move(results)...);
    }

    operation_starter& by;
    operation_pointer of;
    Next next;
  };

  bool is_calling_ = false;
};

/// A program that serves the visitors of a listener, one at a time, through the public operations.
/// It sends a visitor `greeting` and its end while it reads what the visitor sends to its end, and
/// closes the stream then.
class serving_program {
 public:
  using core_type = embed::listener_core<sim::runtime>;

  serving_program(sim::runtime on, std::size_t backlog, duration accept_timeout)
      : listening(std::make_shared<core_type>(on, backlog, accept_timeout)),
        home_(on.get_executor()) {}

  /// Accepts a visitor, as `listener::async_accept` does, and serves it.
  void accept() {
    accepting = operations.start(
        [this](auto handler) {
          const auto begin = [from = listening, home = home_](auto done, const auto& cancel) {
            auto pass_on = [from, home, done = std::move(done)](
                               std::error_code ec, embed::stream_pointer visitor) mutable {
              if (ec) return done(embed::detail::to_public_error(ec), stream());
              done({}, stream(std::move(visitor), home, "web"));
            };
            from->accept(std::move(pass_on), cancel);
          };
          embed::start_operation<stream>(home_, home_, begin, std::move(handler));
        },
        [this](std::error_code ec, stream visitor) {
          CHECK(visitor.is_open() == !ec);
          if (!ec) serve(std::move(visitor));
        });
  }

  /// Returns whether a visitor was accepted.
  [[nodiscard]] bool has_accepted() const { return accepted > 0; }
  /// Returns whether both directions of the visitor ended in order.
  [[nodiscard]] bool is_done() const { return has_sent_all && has_got_all; }

  /// Forgets the visitor.
  void clear() {
    connection.reset();
    got.clear();
    sent = 0;
    has_sent_all = has_got_all = was_write_cut = false;
    error = {};
  }

  const std::shared_ptr<core_type> listening;
  operation_starter operations;
  std::string greeting = pattern(2600);

  // The last operation of each kind.
  operation_pointer accepting;
  operation_pointer reading;
  operation_pointer writing;

  /// How many visitors were accepted.
  int accepted = 0;
  /// The stream of the visitor.
  std::optional<stream> connection;
  std::string got;
  std::size_t sent = 0;
  bool has_sent_all = false;
  bool has_got_all = false;
  /// Whether a write failed, so that a part of its bytes may have been sent.
  bool was_write_cut = false;
  /// Why the program closed the stream early.
  std::error_code error;
  /// Whether a read that is aborted is started again.
  bool reads_again = false;

 private:
  static constexpr std::size_t piece = 1300;

  void serve(stream visitor) {
    ++accepted;
    clear();
    connection.emplace(std::move(visitor));
    read();
    write();
  }

  void read() {
    if (!connection) return;
    reading = operations.start(
        [this](auto handler) {
          connection->async_read_some(asio::buffer(room_), std::move(handler));
        },
        [this](std::error_code ec, std::size_t count) {
          CHECK((count == 0) == static_cast<bool>(ec));
          if (!ec) {
            got.append(reinterpret_cast<const char*>(room_.data()), count);
            return read();
          }
          if (ec == asio::error::eof) {
            has_got_all = true;
            return finish();
          }
          if (ec == asio::error::operation_aborted && std::exchange(reads_again, false)) {
            return read();
          }
          fail(ec);
        });
  }

  void write() {
    if (!connection) return;
    const std::size_t size = std::min(piece, greeting.size() - sent);
    if (size == 0) return end();
    writing = operations.start(
        [&, this](auto handler) {
          connection->async_write_some(asio::buffer(greeting.data() + sent, size),
                                       std::move(handler));
        },
        [this, was_open = connection->is_open()](std::error_code ec, std::size_t count) {
          CHECK((count == 0) == static_cast<bool>(ec));
          sent += count;
          if (!ec) return write();
          was_write_cut = was_open;
          fail(ec);
        });
  }

  void end() {
    operations.start([this](auto handler) { connection->async_shutdown_send(std::move(handler)); },
                     [this](std::error_code ec) {
                       if (ec) return fail(ec);
                       has_sent_all = true;
                       finish();
                     });
  }

  void finish() {
    if (connection && is_done()) operations.call([this] { connection->close(); });
  }

  void fail(std::error_code ec) {
    if (!error) error = ec;
    if (connection) operations.call([this] { connection->close(); });
  }

  const io::executor home_;
  std::array<std::uint8_t, 1000> room_{};
};

/// What a visitor has seen.
struct visit_record {
  std::string got;
  /// How its connection ended, once it has; no error if in order.
  std::optional<std::error_code> end;
};

/// The tunnel of `sim_tunnel`, over a slow network, whose service a program in the client's process
/// serves.
struct listening_tunnel : sim_tunnel {
  explicit listening_tunnel(std::uint64_t seed, bool is_layered = false, std::size_t backlog = 8,
                            duration accept_timeout = std::chrono::seconds(10));

  /// Starts both programs, and waits until visitors can connect.
  void start();

  /// Connects a visitor that sends `payload` and its end while it reads to the end.
  std::shared_ptr<visit_record> begin_visit();

  /// Lets another visitor be served, by a call of `accept` that is outstanding or a new one.
  void serve_next();

  /// Does what the client does with the listener once it has ended.
  void end_listener() {
    serving.operations.call([this] { serving.listening->close(errc::stopped); });
    world.run_for(std::chrono::milliseconds(1));
  }

  std::string payload = pattern(1500);
  serving_program serving;
};

}  // namespace rathole::test
