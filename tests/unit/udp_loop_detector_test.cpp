#include <rathole/client/own_udp_sockets.hpp>
#include <rathole/protocol/udp_loop_detector.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;
using client_side::own_udp_sockets, protocol::sent_datagrams, protocol::udp_loop_detector;

constexpr time_point start{1h};

byte_view bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// The ids of two services of a client.
constexpr int this_service = 1;
constexpr int other_service = 2;

using path = std::vector<const void*>;

TEST_CASE("UDP loop: which datagrams are recognized as returned") {
  struct example {
    const char* what;
    bool is_own_address;
    path incoming_path;
    const char* sent;
    const char* came;
    bool is_dropped;
  };
  for (const example& each :
       {example{"a visitor", false, {}, "", "hello", false},
        example{"this service's own datagram", true, {&this_service}, "hello", "hello", true},
        example{"an empty one", true, {&this_service}, "", "", true},
        example{"a visitor elsewhere with the address of a socket here",
                true,
                {&this_service},
                "hello",
                "good day",
                false},
        example{"one that begins like it", true, {&this_service}, "hello", "hello!", false},
        example{"another service that leads here", true, {&other_service}, "hello", "hello", false},
        example{"two services that lead into each other",
                true,
                {&this_service, &other_service},
                "hello",
                "hello",
                true}}) {
    CAPTURE(each.what);
    sent_datagrams sent(each.incoming_path);
    sent.note(bytes(each.sent));
    udp_loop_detector detector(&this_service);
    const sent_datagrams* own = each.is_own_address ? &sent : nullptr;
    CHECK(detector.has_come_back(own, bytes(each.came), start) == each.is_dropped);
    CHECK(detector.take_report(start).has_value() == each.is_dropped);
  }
}

TEST_CASE("UDP loop: the path of a socket grows by each service") {
  udp_loop_detector here(&this_service);
  CHECK(here.path(nullptr, bytes("hello")) == path{&this_service});
  sent_datagrams sent({&other_service});
  sent.note(bytes("hello"));
  CHECK(here.path(&sent, bytes("hello")) == path{&other_service, &this_service});
  CHECK(here.path(&sent, bytes("good day")) == path{&this_service});
}

TEST_CASE("UDP loop: the first datagram and the latest are remembered") {
  sent_datagrams sent({&this_service});
  const std::size_t all = 3 * sent_datagrams::remembered;
  for (std::size_t i = 0; i < all; ++i) sent.note(bytes(std::to_string(i)));
  for (std::size_t i = 0; i < all; ++i) {
    CAPTURE(i);
    const bool expected = i == 0 || i >= all - sent_datagrams::remembered;
    CHECK(sent.has_sent(bytes(std::to_string(i))) == expected);
  }
}

TEST_CASE("UDP loop: once detected, everything from a socket of the service is dropped") {
  sent_datagrams sent({&this_service});
  sent.note(bytes("hello"));
  udp_loop_detector detector(&this_service);
  CHECK_FALSE(detector.has_come_back(&sent, bytes("other"), start));
  CHECK(detector.has_come_back(&sent, bytes("hello"), start));
  CHECK(detector.has_come_back(&sent, bytes("other"), start + 60s - 1ns));
  CHECK_FALSE(detector.has_come_back(&sent, bytes("other"), start + 60s));
}

TEST_CASE("UDP loop: it is reported once a minute, with the number of dropped datagrams") {
  sent_datagrams sent({&this_service});
  sent.note(bytes("hello"));
  udp_loop_detector detector(&this_service);
  CHECK_FALSE(detector.take_report(start));
  const auto receive_returned = [&](time_point now) {
    detector.has_come_back(&sent, bytes("hello"), now);
  };
  receive_returned(start);
  CHECK(detector.take_report(start) == 1);
  for (int i = 0; i < 5; ++i) receive_returned(start + 1s);
  CHECK_FALSE(detector.take_report(start + 60s - 1ns));
  CHECK(detector.take_report(start + 60s) == 5);
  CHECK_FALSE(detector.take_report(start + 200s));
}

TEST_CASE("UDP loop: a socket is known until it is closed") {
  own_udp_sockets sockets;
  const auto first = std::make_shared<sent_datagrams>(path{&this_service});
  const auto second = std::make_shared<sent_datagrams>(path{&other_service});
  const ip_endpoint at{{127, 0, 0, 1}, 4000, false};
  CHECK(sockets.find(at) == nullptr);
  sockets.add(at, first);
  CHECK(sockets.find(at) == first);
  // The port was given to another socket before the first one was removed.
  sockets.add(at, second);
  sockets.remove(at, first.get());
  CHECK(sockets.find(at) == second);
  sockets.remove(at, second.get());
  CHECK(sockets.find(at) == nullptr);
}

}  // namespace
}  // namespace rathole::test
