// udp_load ENTRY_PORT SERVICE_PORT [OPTION VALUE]...: is both the visitors of a UDP service, which
// send to 127.0.0.1:ENTRY_PORT, and the service itself, which it binds to 127.0.0.1:SERVICE_PORT.
// It waits until every visitor has received a reply, measures, and prints one line of JSON.
//
//   --mode MODE      load: visitors send, the service counts (the default); reverse: the service
//                    sends, visitors count; rtt: one visitor sends a request after each reply
//   --size BYTES    of each datagram, 32 to 65507 (1200)
//   --rate NUMBER    datagrams offered a second, by all together; 0 is as fast as can be (0)
//   --visitors NUMBER (8)
//   --seconds NUMBER (5)
//
// Every datagram contains its sender, its number and its time, which are checked on arrival. A rate
// counts the datagrams that arrived during sending; a loss counts those that never arrived.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::uint64_t magic = 0x7261'7468'6f6c'6575;
// The number of datagrams of one call. Larger bursts would fill a socket buffer of the system's
// default size.
constexpr std::size_t batch_size = 32;
constexpr std::size_t largest_message = 65507;
// A sender that was preempted catches up on at most this time.
constexpr microseconds max_backlog{2000};
// How long to wait for datagrams in flight when sending has ended.
constexpr milliseconds silence{500};

struct settings {
  std::uint16_t entry = 0;
  std::uint16_t service = 0;
  std::string_view mode = "load";
  std::size_t size = 1200;
  double rate = 0;
  std::size_t visitors = 8;
  double seconds = 5;
};

// The header of every datagram; `number` counts from 1, and 0 is a request of the warm-up.
struct header {
  std::uint64_t magic;
  std::uint64_t visitor;
  std::uint64_t number;
  std::uint64_t sent;
};

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}
[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "udp_load: %s\n", what);
  std::exit(1);
}

std::uint64_t now() {
  return static_cast<std::uint64_t>(nanoseconds(clock_type::now().time_since_epoch()).count());
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return out;
}
const sockaddr* plain(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

int make_socket() {
  const int made = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (made < 0) die("socket");
  const int wanted = 16 << 20;
  if (::setsockopt(made, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) != 0)
    ::setsockopt(made, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
  return made;
}

/// A destination of datagrams: a connected socket of a visitor, or the service's socket with the
/// visitor's address.
struct destination {
  int socket = -1;
  sockaddr_in address{};
  std::uint64_t visitor = 0;
  std::uint64_t sent = 0;
};

/// Buffers for the datagrams of one call.
class batch {
 public:
  explicit batch(std::size_t bytes) : bytes_(bytes), store_(batch_size * bytes, 'u') {
    for (std::size_t i = 0; i < batch_size; ++i) {
      parts_[i] = {.iov_base = at(i), .iov_len = bytes};
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }
  char* at(std::size_t i) { return store_.data() + i * bytes_; }

  /// Sends `count` datagrams, or fewer if the kernel does not accept as many at once; returns how
  /// many. One large message that the kernel splits costs a fraction of as many small ones.
  std::size_t send(destination& to, bool connected, std::size_t count) {
    count = std::clamp<std::size_t>(largest_message / bytes_, 1, count);
    for (std::size_t i = 0; i < count; ++i) {
      const header first{magic, to.visitor, to.sent + i + 1, now()};
      std::memcpy(at(i), &first, sizeof first);
    }
    iovec all{.iov_base = at(0), .iov_len = count * bytes_};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint16_t))> control{};
    msghdr message{};
    message.msg_name = connected ? nullptr : &to.address;
    message.msg_namelen = connected ? 0 : sizeof to.address;
    message.msg_iov = &all;
    message.msg_iovlen = 1;
    if (count > 1) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* const cut = CMSG_FIRSTHDR(&message);
      cut->cmsg_level = IPPROTO_UDP;
      cut->cmsg_type = UDP_SEGMENT;
      cut->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
      const auto each = static_cast<std::uint16_t>(bytes_);
      std::memcpy(CMSG_DATA(cut), &each, sizeof each);
    }
    if (::sendmsg(to.socket, &message, 0) < 0) {
      if (errno == ECONNREFUSED || errno == ENOBUFS || errno == EAGAIN) return 0;
      die("sendmsg");
    }
    to.sent += count;
    return count;
  }
  /// Receives the available datagrams; returns how many.
  std::size_t receive(int socket) {
    const int count = ::recvmmsg(socket, messages_.data(), batch_size, MSG_DONTWAIT, nullptr);
    return count < 0 ? 0 : static_cast<std::size_t>(count);
  }
  std::size_t length(std::size_t i) const { return messages_[i].msg_len; }

 private:
  std::size_t bytes_;
  std::vector<char> store_;
  std::array<iovec, batch_size> parts_{};
  std::array<mmsghdr, batch_size> messages_{};
};

/// Counts and checks the datagrams that arrive on some sockets, on its own thread.
class counter {
 public:
  counter(const settings& with, std::vector<int> sockets)
      : with_(with), sockets_(std::move(sockets)), seen_(with.visitors) {
    thread_ = std::thread([this] { run(); });
  }
  /// Ends the period whose arrivals count for the rate.
  void end_of_sending() { in_time_ = arrived_.load(); }
  /// Waits until nothing has arrived for a while.
  void finish() {
    finishing_ = true;
    thread_.join();
  }
  std::uint64_t arrived() const { return arrived_; }
  std::uint64_t in_time() const { return in_time_; }
  std::uint64_t wrong() const { return wrong_; }
  std::uint64_t twice() const { return twice_; }

 private:
  void run() {
    const int poller = ::epoll_create1(EPOLL_CLOEXEC);
    for (const int each : sockets_) {
      epoll_event event{.events = EPOLLIN, .data = {.fd = each}};
      if (::epoll_ctl(poller, EPOLL_CTL_ADD, each, &event) != 0) die("epoll_ctl");
    }
    batch room(with_.size + 1);
    std::array<epoll_event, 64> events;
    for (;;) {
      const int count = ::epoll_wait(poller, events.data(), static_cast<int>(events.size()),
                                     static_cast<int>(silence.count()));
      if (count == 0 && finishing_) break;
      for (int i = 0; i < count; ++i) {
        const std::size_t got = room.receive(events[static_cast<std::size_t>(i)].data.fd);
        for (std::size_t each = 0; each < got; ++each) judge(room.at(each), room.length(each));
      }
    }
    ::close(poller);
  }
  void judge(const char* datagram, std::size_t length) {
    header first{};
    if (length >= sizeof first) std::memcpy(&first, datagram, sizeof first);
    const std::string_view rest(datagram + std::min(sizeof first, length),
                                length - std::min(sizeof first, length));
    if (first.magic == magic && first.number == 0) return;
    if (first.magic != magic || length != with_.size || first.visitor >= seen_.size() ||
        (!rest.empty() && (rest.front() != 'u' || rest.back() != 'u'))) {
      ++wrong_;
      return;
    }
    std::vector<bool>& seen = seen_[first.visitor];
    if (first.number >= seen.size()) seen.resize(std::max(first.number + 1, 2 * seen.size()));
    if (seen[first.number]) {
      ++twice_;
      return;
    }
    seen[first.number] = true;
    ++arrived_;
  }

  const settings& with_;
  std::vector<int> sockets_;
  std::vector<std::vector<bool>> seen_;
  std::atomic<bool> finishing_ = false;
  std::atomic<std::uint64_t> arrived_ = 0;
  std::uint64_t in_time_ = 0;
  std::uint64_t wrong_ = 0;
  std::uint64_t twice_ = 0;
  std::thread thread_;
};

/// Sends requests until each visitor has received a reply, so that the path exists for all of them;
/// returns the addresses at which the service can reach them.
std::vector<destination> make_ready(int service, const std::vector<int>& visitors) {
  std::vector<destination> back(visitors.size());
  std::vector<bool> answered(visitors.size());
  std::array<char, 65536> datagram;
  const auto deadline = clock_type::now() + std::chrono::seconds{20};
  while (std::ranges::find(answered, false) != answered.end()) {
    if (clock_type::now() > deadline) give_up("no answer comes through");
    for (std::size_t i = 0; i < visitors.size(); ++i) {
      const header question{magic, i, 0, 0};
      if (!answered[i]) ::send(visitors[i], &question, sizeof question, MSG_DONTWAIT);
    }
    const auto again = clock_type::now() + milliseconds{100};
    do {
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t n = ::recvfrom(service, datagram.data(), datagram.size(), MSG_DONTWAIT,
                                   reinterpret_cast<sockaddr*>(&from), &size);
      header asked{};
      if (n == static_cast<ssize_t>(sizeof asked)) {
        std::memcpy(&asked, datagram.data(), sizeof asked);
        if (asked.visitor < back.size()) back[asked.visitor] = {service, from, asked.visitor, 0};
        ::sendto(service, datagram.data(), sizeof asked, 0, plain(from), sizeof from);
      }
      for (std::size_t i = 0; i < visitors.size(); ++i)
        if (::recv(visitors[i], datagram.data(), datagram.size(), MSG_DONTWAIT) > 0)
          answered[i] = true;
      pollfd waiting{service, POLLIN, 0};
      ::poll(&waiting, 1, 1);
    } while (clock_type::now() < again && std::ranges::find(answered, false) != answered.end());
  }
  return back;
}

/// Sends to all destinations in turn, at the rate; returns how many seconds it took.
double offer(const settings& with, std::vector<destination>& to, bool connected) {
  batch room(with.size);
  const auto start = clock_type::now();
  const auto end =
      start + std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(with.seconds));
  auto due_since = start;
  double owed = 0;
  for (std::size_t turn = 0;; ++turn) {
    const auto at = clock_type::now();
    if (at >= end) return std::chrono::duration<double>(at - start).count();
    std::size_t count = batch_size;
    if (with.rate > 0) {
      owed += with.rate * std::chrono::duration<double>(at - due_since).count();
      owed = std::min(owed, std::max(1.0, with.rate * 1e-6 * max_backlog.count()));
      due_since = at;
      count = std::min(batch_size, static_cast<std::size_t>(owed));
      if (count == 0) {
        std::this_thread::sleep_for(microseconds{200});
        continue;
      }
    }
    owed -= static_cast<double>(room.send(to[turn % to.size()], connected, count));
  }
}

int load(const settings& with, int service, const std::vector<int>& visitors) {
  std::vector<destination> to = make_ready(service, visitors);
  const bool reverse = with.mode == "reverse";
  if (!reverse)
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = {visitors[i], {}, i, 0};
  counter counts(with, reverse ? visitors : std::vector<int>{service});
  const double seconds = offer(with, to, !reverse);
  counts.end_of_sending();
  counts.finish();
  std::uint64_t offered = 0;
  for (const destination& each : to) offered += each.sent;
  std::printf(
      "{\"offered\": %llu, \"delivered\": %llu, \"in_time\": %llu, \"seconds\": %.6f, "
      "\"wrong\": %llu, \"twice\": %llu}\n",
      static_cast<unsigned long long>(offered), static_cast<unsigned long long>(counts.arrived()),
      static_cast<unsigned long long>(counts.in_time()), seconds,
      static_cast<unsigned long long>(counts.wrong()),
      static_cast<unsigned long long>(counts.twice()));
  return 0;
}

/// Returns the quantile of that share, in microseconds.
double percentile(const std::vector<std::uint64_t>& sorted, double share) {
  const auto rank = static_cast<std::size_t>(share * static_cast<double>(sorted.size()) + 0.999);
  return static_cast<double>(sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1]) / 1e3;
}

int round_trips(const settings& with, int service, int visitor) {
  make_ready(service, {visitor});
  std::atomic<bool> done = false;
  const timeval limit{.tv_sec = 0, .tv_usec = 500'000};
  for (const int each : {service, visitor})
    ::setsockopt(each, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  std::thread answering([&] {
    std::vector<char> datagram(65536);
    while (!done) {
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t n = ::recvfrom(service, datagram.data(), datagram.size(), 0,
                                   reinterpret_cast<sockaddr*>(&from), &size);
      if (n >= 0)
        ::sendto(service, datagram.data(), static_cast<std::size_t>(n), 0, plain(from),
                 sizeof from);
    }
  });
  std::vector<std::uint64_t> times;
  std::uint64_t lost = 0;
  std::vector<char> question(with.size, 'u');
  std::vector<char> answer(65536);
  const auto end = clock_type::now() + std::chrono::duration<double>(with.seconds);
  for (std::uint64_t number = 1; clock_type::now() < end; ++number) {
    const header first{magic, 0, number, now()};
    std::memcpy(question.data(), &first, sizeof first);
    if (::send(visitor, question.data(), question.size(), 0) < 0) die("send");
    for (;;) {
      const ssize_t n = ::recv(visitor, answer.data(), answer.size(), 0);
      if (n < 0) {
        ++lost;
        break;
      }
      // A late reply belongs to an earlier request.
      if (static_cast<std::size_t>(n) != question.size() ||
          !std::equal(question.begin(), question.end(), answer.begin()))
        continue;
      times.push_back(now() - first.sent);
      break;
    }
  }
  done = true;
  answering.join();
  if (times.empty()) give_up("no question was answered");
  std::ranges::sort(times);
  std::printf("{\"answers\": %zu, \"lost\": %llu, \"p50\": %.3f, \"p99\": %.3f}\n", times.size(),
              static_cast<unsigned long long>(lost), percentile(times, 0.5),
              percentile(times, 0.99));
  return 0;
}

settings read(int argc, char** argv) {
  settings out;
  if (argc < 3 || argc % 2 == 0) give_up("ENTRY_PORT SERVICE_PORT [OPTION VALUE]...");
  out.entry = static_cast<std::uint16_t>(std::atoi(argv[1]));
  out.service = static_cast<std::uint16_t>(std::atoi(argv[2]));
  for (int i = 3; i < argc; i += 2) {
    const std::string_view name = argv[i];
    const char* const value = argv[i + 1];
    const double number = std::atof(value);
    if (name == "--mode")
      out.mode = value;
    else if (name == "--size")
      out.size = static_cast<std::size_t>(number);
    else if (name == "--rate")
      out.rate = number;
    else if (name == "--visitors")
      out.visitors = static_cast<std::size_t>(number);
    else if (name == "--seconds")
      out.seconds = number;
    else
      give_up(argv[i]);
  }
  if (out.mode != "load" && out.mode != "reverse" && out.mode != "rtt") give_up("--mode");
  if (out.size < sizeof(header) || out.size > 65507) give_up("--size");
  if (out.visitors < 1 || out.rate < 0 || out.seconds <= 0)
    give_up("--visitors, --rate, --seconds");
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const settings with = read(argc, argv);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  ::prctl(PR_SET_TIMERSLACK, 1UL);

  const int service = make_socket();
  const sockaddr_in here = loopback(with.service);
  if (::bind(service, plain(here), sizeof here) != 0) die("bind");
  std::vector<int> visitors(with.mode == "rtt" ? 1 : with.visitors);
  const sockaddr_in entry = loopback(with.entry);
  for (int& each : visitors) {
    each = make_socket();
    if (::connect(each, plain(entry), sizeof entry) != 0) die("connect");
  }
  return with.mode == "rtt" ? round_trips(with, service, visitors.front())
                            : load(with, service, visitors);
}
