#include "../support/process.hpp"
#include "../support/temp_dir.hpp"
#include "../support/tools.hpp"

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/chunked_buffer.hpp>
#include <rathole/mux/session.hpp>

#include <doctest/doctest.h>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <system_error>
#include <variant>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using mux::role;

/// Returns the path of the peer, which is compiled once.
const std::string& peer_program() {
  static const temp_dir folder;
  static const std::string program = [] {
    std::string out = (folder.path() / "peer").string();
    run_tool("go", {"build", "-o", out, RATHOLE_YAMUX_PEER},
             {"GO111MODULE=off", "GOPATH=/usr/share/gocode",
              "GOFLAGS=", "GOCACHE=" + (folder.path() / "cache").string()});
    return out;
  }();
  return program;
}

/// A listening Unix socket in a temporary directory.
class unix_listener {
 public:
  unix_listener() : path_((folder_.path() / "socket").string()) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        listen(fd_, 1) != 0) {
      throw std::system_error(errno, std::generic_category(), "listen");
    }
  }
  unix_listener(const unix_listener&) = delete;
  unix_listener& operator=(const unix_listener&) = delete;
  ~unix_listener() { close(fd_); }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int accept() const {
    pollfd entry{fd_, POLLIN, 0};
    REQUIRE(poll(&entry, 1, 60'000) == 1);
    return accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  }

 private:
  temp_dir folder_;
  std::string path_;
  int fd_;
};

/// A session on a socket whose other end is the peer, which is started.
class yamux_link {
 public:
  yamux_link(role side, const std::string& peer_role)
      : peer_(peer_program(), {peer_role, listener_.path()}),
        fd_(listener_.accept()),
        session(side, mux::settings::plain(), mux::plain_parameters, clock::now()) {
    session.authenticated();
  }
  yamux_link(const yamux_link&) = delete;
  yamux_link& operator=(const yamux_link&) = delete;
  ~yamux_link() { close(fd_); }

  /// One stream.
  struct flow {
    chunked_buffer to_send;
    std::string received;
    bool ends = false;
    bool has_ended = false;
    bool peer_has_ended = false;
    bool is_reset = false;
  };

  /// Opens a stream that sends `text` and, if `ends`, its end.
  mux::stream_id open(const std::string& text, bool ends = true) {
    const auto id = session.open(clock::now());
    REQUIRE(id.has_value());
    flow& one = flows[*id];
    one.to_send.append(byte_view_of(text));
    one.ends = ends;
    update_wish(*id);
    return *id;
  }

  /// Carries bytes until `holds`; throws after a minute, or if the session or the socket ends.
  void run_until(const std::function<bool()>& holds) {
    const time_point end = clock::now() + 60s;
    while (!holds()) {
      if (clock::now() > end) throw std::runtime_error("too late\n" + peer_.output());
      fill();
      pollfd entry{fd_, static_cast<short>(out_.empty() ? POLLIN : POLLIN | POLLOUT), 0};
      poll(&entry, 1, 20);
      if ((entry.revents & POLLOUT) != 0) write_some();
      if ((entry.revents & (POLLIN | POLLHUP)) != 0) read_some();
      const auto polled = session.poll(clock::now());
      if (!polled) throw std::system_error(polled.error(), peer_.output());
    }
  }

  std::map<mux::stream_id, flow> flows;
  /// Whether what arrives on a stream is sent back.
  bool echoes = false;
  bool peer_goes_away = false;

 private:
  unix_listener listener_;
  process peer_;
  int fd_;
  byte_buffer out_;

 public:
  mux::session session;
  [[nodiscard]] process& peer() { return peer_; }

 private:
  void update_wish(mux::stream_id id) {
    const flow& one = flows.at(id);
    session.set_wish(id, !one.to_send.empty()         ? mux::wish::bytes
                         : one.ends && !one.has_ended ? mux::wish::end
                                                      : mux::wish::nothing);
  }

  void fill() {
    while (out_.size() < 100'000) {
      if (session.transmit(out_)) continue;
      const auto id = session.next_sender();
      if (!id) return;
      flow& one = flows.at(*id);
      const std::size_t count = std::min<std::size_t>(one.to_send.size(), session.sendable(*id));
      one.has_ended = one.ends && count == one.to_send.size();
      out_.append(session.begin_data(*id, static_cast<std::uint32_t>(count), one.has_ended));
      for (std::size_t left = count; left > 0;) {
        const byte_view piece =
            one.to_send.front().first(std::min(left, one.to_send.front().size()));
        left -= piece.size();
        out_.append(piece);
        one.to_send.consume(piece.size());
      }
      if (echoes) session.consumed(*id, count, clock::now());
      update_wish(*id);
    }
  }

  void write_some() {
    const ssize_t count = send(fd_, out_.data().data(), out_.size(), MSG_NOSIGNAL);
    if (count > 0) out_.consume(static_cast<std::size_t>(count));
  }

  void read_some() {
    std::array<std::uint8_t, 65'536 + 12> buffer;
    const ssize_t count = recv(fd_, buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) throw std::runtime_error("the peer has gone\n" + peer_.output());
    byte_view in(buffer.data(), static_cast<std::size_t>(count));
    while (true) {
      const auto seen = session.receive(in, clock::now());
      if (!seen) throw std::system_error(seen.error(), peer_.output());
      if (!*seen) return;
      std::visit([&](const auto& event) { on(event); }, **seen);
    }
  }

  void on(const mux::stream_opened& seen) { flows[seen.id]; }
  void on(const mux::stream_acknowledged&) {}
  void on(const mux::stream_data& seen) {
    flow& one = flows.at(seen.id);
    one.peer_has_ended |= seen.are_last;
    if (echoes) {
      one.to_send.append(seen.bytes);
      one.ends = one.peer_has_ended;
      update_wish(seen.id);
    } else {
      one.received.append(seen.bytes.begin(), seen.bytes.end());
      session.consumed(seen.id, seen.bytes.size(), clock::now());
    }
  }
  void on(const mux::stream_reset& seen) { flows.at(seen.id).is_reset = true; }
  void on(const mux::peer_going_away& seen) {
    CHECK(seen.code == 0);
    peer_goes_away = true;
  }
};

std::string pattern(std::size_t size, unsigned seed) {
  std::string out(size, '\0');
  for (std::size_t at = 0; at < size; ++at) out[at] = static_cast<char>((at * 7 >> 3) + seed);
  // Not one of the first bytes that mean something to the peer.
  out[0] = 'e';
  return out;
}

TEST_CASE("yamux: a server of hashicorp echoes streams of 1 MiB until we end them") {
  yamux_link link(role::client, "server");
  std::map<mux::stream_id, std::string> sent;
  for (unsigned i = 0; i < 8; ++i) {
    const std::string text = pattern(1 << 20, i);
    sent[link.open(text)] = text;
  }
  link.run_until([&] {
    return std::ranges::all_of(link.flows, [](auto& each) { return each.second.peer_has_ended; });
  });
  for (const auto& [id, text] : sent) CHECK((link.flows.at(id).received == text));
  CHECK(link.session.streams() == 0);
  link.run_until([&] { return link.session.round_trip().has_value(); });
  CHECK(link.session.unread() == 0);
}

TEST_CASE("yamux: resets and a GoAway between us and a server of hashicorp") {
  yamux_link link(role::client, "server");
  const mux::stream_id open = link.open("r is read until it is reset", false);
  const mux::stream_id asked = link.open("q");
  link.run_until([&] { return link.flows.at(asked).peer_has_ended; });
  CHECK(link.flows.at(asked).received == "0 resets");
  link.session.reset(open);
  std::string answer;
  // The peer counts when its reader runs.
  while (answer != "1 resets") {
    const mux::stream_id again = link.open("q");
    link.run_until([&] { return link.flows.at(again).peer_has_ended; });
    answer = link.flows.at(again).received;
  }
  const mux::stream_id last = link.open("g");
  link.run_until([&] { return link.flows.at(last).peer_has_ended; });
  CHECK(link.peer_goes_away);
  CHECK(link.session.open(clock::now()).error() == mux::mux_errc::going_away);
  CHECK(link.session.is_finished());
}

TEST_CASE("yamux: a client of hashicorp opens streams, and we echo 1 MiB on each") {
  yamux_link link(role::server, "client");
  link.echoes = true;
  link.run_until([&] { return link.peer().output().contains("done"); });
  CHECK(link.flows.size() == 8);
  link.run_until([&] { return link.session.streams() == 0; });
  for (const auto& [id, one] : link.flows) CHECK((one.has_ended && !one.is_reset));
  link.session.go_away();
  CHECK(link.session.is_finished());
  CHECK(!link.peer().output().contains("ERR"));
}

}  // namespace
}  // namespace rathole::test
