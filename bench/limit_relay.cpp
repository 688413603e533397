// limit_relay LISTEN_PORT TARGET_PORT: relays every connection to 127.0.0.1:LISTEN_PORT to
// 127.0.0.1:TARGET_PORT. It has one thread, epoll, splice(2) for bulk data and recv(2) and send(2)
// for small data, and nothing else: no protocol, no log, no timeouts. Two of them in a chain are
// the upper limit for the speed of a tunnel of two programs with one thread each.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

namespace {

constexpr int pipe_size = 256 * 1024;
// A smaller transfer has most likely emptied the socket, and the next one is copied: for few bytes
// a pipe costs more than it saves.
constexpr ssize_t well_filled = 16 * 1024;
// The number of transfers in a row after which other connections are served.
constexpr int moves_per_turn = 16;

int poller = -1;

struct pipe_ends {
  int out = -1;
  int in = -1;
};

// The pool of empty pipes: a connection has a pipe only while it holds bytes.
std::vector<pipe_ends> idle_pipes;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

pipe_ends take_pipe() {
  if (!idle_pipes.empty()) {
    const pipe_ends taken = idle_pipes.back();
    idle_pipes.pop_back();
    return taken;
  }
  int ends[2];
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) die("pipe2");
  ::fcntl(ends[1], F_SETPIPE_SZ, pipe_size);
  return {ends[0], ends[1]};
}

struct connection;

// One socket of a connection, with the flow that is read from it.
struct side {
  connection* owner = nullptr;
  int socket = -1;
  pipe_ends pipe;
  ssize_t held = 0;
  bool bulky = false;
  bool ended = false;
  std::uint32_t watched = 0;
};

struct connection {
  std::array<side, 2> sides;
  bool dead = false;
  side& other(const side& one) { return &one == sides.data() ? sides[1] : sides[0]; }
};

void watch(side& which, std::uint32_t events) {
  if (events == which.watched) return;
  epoll_event event{.events = events, .data = {.ptr = &which}};
  const int operation = which.watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (::epoll_ctl(poller, operation, which.socket, &event) != 0) die("epoll_ctl");
  which.watched = events;
}

bool would_block() { return errno == EAGAIN || errno == EINTR; }

// Moves bytes from a socket into its pipe. Returns, like recv(2), how many, 0 at the end, or -1
// with errno.
ssize_t fill(side& from) {
  if (from.pipe.in < 0) from.pipe = take_pipe();
  return from.held = ::splice(from.socket, nullptr, from.pipe.in, nullptr, pipe_size,
                              SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

// Copies bytes from one socket to the other; bytes that the other does not accept go into the pipe.
ssize_t copy(side& from, side& to) {
  static std::array<char, 64 * 1024> buffer;
  const auto taken = ::recv(from.socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (taken <= 0) return taken;
  auto sent = ::send(to.socket, buffer.data(), static_cast<std::size_t>(taken),
                     MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && !would_block()) return -1;
  if (sent < 0) sent = 0;
  if (sent == taken) return taken;
  if (from.pipe.in < 0) from.pipe = take_pipe();
  from.held = ::write(from.pipe.in, buffer.data() + sent, static_cast<std::size_t>(taken - sent));
  if (from.held != taken - sent) die("write to a pipe");
  return taken;
}

// Moves the available bytes from one socket to the other; returns false if the connection broke.
bool pump(side& from, side& to) {
  for (int i = 0; i < moves_per_turn; ++i) {
    if (from.held == 0) {
      if (from.ended) return true;
      const auto taken = from.bulky ? fill(from) : copy(from, to);
      if (taken < 0) {
        from.held = 0;
        return would_block();
      }
      if (taken == 0) {
        from.ended = true;
        return ::shutdown(to.socket, SHUT_WR) == 0;
      }
      from.bulky = taken >= well_filled;
      if (from.held == 0) {
        if (!from.bulky) return true;
        continue;
      }
    }
    const auto moved =
        ::splice(from.pipe.out, nullptr, to.socket, nullptr, static_cast<std::size_t>(from.held),
                 SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (moved < 0) return would_block();
    from.held -= moved;
    if (from.held == 0 && !from.bulky) return true;
  }
  return true;
}

void put_pipe_back(side& which) {
  if (which.pipe.in < 0 || which.held > 0) return;
  idle_pipes.push_back(std::exchange(which.pipe, {}));
}

void close_side(side& which) {
  ::close(which.socket);
  if (which.pipe.in < 0) return;
  ::close(which.pipe.in);
  ::close(which.pipe.out);
}

// A side is read while the other accepts its bytes, and written while bytes wait for it.
void watch_both(connection& both) {
  for (side& one : both.sides) {
    const side& other = both.other(one);
    std::uint32_t events = 0;
    if (one.held == 0 && !one.ended) events |= EPOLLIN;
    if (other.held > 0) events |= EPOLLOUT;
    // A hang-up is always reported; edge-triggered, it is reported once.
    if (events == 0) events = EPOLLET;
    watch(one, events);
  }
}

void serve(side& which, std::uint32_t events, std::vector<connection*>& dead) {
  connection& both = *which.owner;
  if (both.dead) return;
  side& other = both.other(which);
  bool healthy = (events & EPOLLERR) == 0;
  if (healthy && (events & (EPOLLIN | EPOLLHUP)) != 0) healthy = pump(which, other);
  if (healthy && (events & EPOLLOUT) != 0) healthy = pump(other, which);
  put_pipe_back(which);
  put_pipe_back(other);
  const bool finished = which.ended && other.ended && which.held == 0 && other.held == 0;
  if (healthy && !finished) return watch_both(both);
  both.dead = true;
  close_side(which);
  close_side(other);
  dead.push_back(&both);
}

sockaddr_in loopback(const char* port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return out;
}

void set_option(int socket, int level, int name) {
  const int on = 1;
  ::setsockopt(socket, level, name, &on, sizeof on);
}

void accept_all(int listener, const sockaddr_in& target) {
  for (;;) {
    const int visitor = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (visitor < 0) return;
    const int service = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (service < 0) die("socket");
    set_option(visitor, IPPROTO_TCP, TCP_NODELAY);
    set_option(service, IPPROTO_TCP, TCP_NODELAY);
    if (::connect(service, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0 &&
        errno != EINPROGRESS) {
      ::close(visitor);
      ::close(service);
      continue;
    }
    auto* made = new connection;
    made->sides[0] = {.owner = made, .socket = visitor, .pipe = {}};
    made->sides[1] = {.owner = made, .socket = service, .pipe = {}};
    watch_both(*made);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s LISTEN_PORT TARGET_PORT\n", argv[0]);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);

  poller = ::epoll_create1(EPOLL_CLOEXEC);
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  set_option(listener, SOL_SOCKET, SO_REUSEADDR);
  const sockaddr_in here = loopback(argv[1]);
  const sockaddr_in target = loopback(argv[2]);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) die("bind");
  if (::listen(listener, SOMAXCONN) != 0) die("listen");
  epoll_event listening{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (::epoll_ctl(poller, EPOLL_CTL_ADD, listener, &listening) != 0) die("epoll_ctl");

  std::array<epoll_event, 256> events;
  std::vector<connection*> dead;
  for (;;) {
    const int count = ::epoll_wait(poller, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.ptr == nullptr) {
        accept_all(listener, target);
      } else {
        serve(*static_cast<side*>(event.data.ptr), event.events, dead);
      }
    }
    // Events of this round may refer to them until here.
    for (connection* one : dead) delete one;
    dead.clear();
  }
}
