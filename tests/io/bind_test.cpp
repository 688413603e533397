// Binding to the wildcard addresses of both families.

#include "support/net.hpp"

#include <rathole/io/socket/bind.hpp>
#include <rathole/io/socket/descriptor.hpp>

#include <doctest/doctest.h>
#include <asio/ip/tcp.hpp>
#include <asio/ip/udp.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

namespace rathole::test {
namespace {

/// Returns a socket that is bound to a wildcard address, and listens if its protocol has listeners;
/// or the error.
template <class Protocol>
class wildcard {
 public:
  using endpoint = typename Protocol::endpoint;

  wildcard(const Protocol& family, std::uint16_t port) {
    socket_ = io::descriptor(::socket(family.family(), family.type() | SOCK_CLOEXEC, 0));
    REQUIRE(socket_.is_open());
    const int on = 1;
    if (family.type() == SOCK_STREAM) {
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    }
    const auto bound = io::bind_socket(socket_.get(), endpoint(family, port));
    if (!bound) error = bound.error();
    if (bound && family.type() == SOCK_STREAM) REQUIRE(::listen(socket_.get(), 1) == 0);
  }

  [[nodiscard]] std::uint16_t port() const {
    endpoint here;
    auto size = static_cast<socklen_t>(here.capacity());
    REQUIRE(::getsockname(socket_.get(), here.data(), &size) == 0);
    here.resize(size);
    return here.port();
  }

  [[nodiscard]] bool is_dual() const {
    int only_v6 = -1;
    socklen_t size = sizeof only_v6;
    REQUIRE(::getsockopt(socket_.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, &size) == 0);
    return only_v6 == 0;
  }

  std::error_code error;

 private:
  io::descriptor socket_;
};

template <class Protocol>
void binds_both_ways() {
  SUBCASE("[::] alone is dual stack") {
    const wildcard<Protocol> both(Protocol::v6(), 0);
    REQUIRE_FALSE(both.error);
    CHECK(both.is_dual());
    SUBCASE("and occupies the IPv4 port too") {
      const wildcard<Protocol> refused(Protocol::v4(), both.port());
      CHECK(refused.error == std::errc::address_in_use);
    }
  }
  SUBCASE("[::] after 0.0.0.0 is bound for IPv6 only") {
    const wildcard<Protocol> v4(Protocol::v4(), 0);
    REQUIRE_FALSE(v4.error);
    const wildcard<Protocol> v6(Protocol::v6(), v4.port());
    REQUIRE_FALSE(v6.error);
    CHECK_FALSE(v6.is_dual());
    SUBCASE("and fails if neither is left") {
      const wildcard<Protocol> third(Protocol::v6(), v4.port());
      CHECK(third.error == std::errc::address_in_use);
    }
  }
}

}  // namespace

TEST_SUITE("bind") {
  TEST_CASE("bind: wildcard addresses for TCP") { binds_both_ways<asio::ip::tcp>(); }
  TEST_CASE("bind: wildcard addresses for UDP") { binds_both_ways<asio::ip::udp>(); }

  TEST_CASE("on a host without IPv6 the IPv6 wildcard falls back to IPv4") {
    struct refusal {
      const char* what;
      const char* at;
      std::errc v6;
      std::errc v4;
      /// Returns the address that is opened, or nothing and the error of the first one.
      const char* opened;
      std::size_t tried;
    };
    constexpr std::errc none{};
    for (const refusal& each : {
             refusal{"no such family", "::", std::errc::address_family_not_supported, none,
                     "0.0.0.0", 2},
             refusal{"switched off", "::", std::errc::address_not_available, none, "0.0.0.0", 2},
             refusal{"IPv6 is there", "::", none, none, "::", 1},
             refusal{"the port is taken", "::", std::errc::address_in_use, none, nullptr, 1},
             refusal{"no IPv4 either", "::", std::errc::address_family_not_supported,
                     std::errc::address_in_use, nullptr, 2},
             refusal{"a certain address", "::1", std::errc::address_not_available, none, nullptr,
                     1},
             refusal{"the wildcard of IPv4", "0.0.0.0", none, std::errc::address_not_available,
                     nullptr, 1},
         }) {
      CAPTURE(each.what);
      std::vector<asio::ip::udp::endpoint> tried;
      const auto open = [&](const asio::ip::udp::endpoint& at) -> result<std::string> {
        tried.push_back(at);
        const std::errc why = at.address().is_v6() ? each.v6 : each.v4;
        if (why != none) return failure(std::make_error_code(why));
        return at.address().to_string();
      };
      const asio::ip::udp::endpoint wanted(asio::ip::make_address(each.at), 2333);
      const auto opened = io::open_bound(wanted, open);
      CHECK(tried.size() == each.tried);
      for (const auto& at : tried) CHECK(at.port() == 2333);
      CHECK(opened.has_value() == (each.opened != nullptr));
      if (each.opened) CHECK(*opened == each.opened);
      if (!each.opened) {
        CHECK(opened.error() == (wanted.address().is_v6() ? each.v6 : each.v4));
      }
    }
  }

  TEST_CASE("a dual-stack listener is reached by IPv4") {
    const wildcard<asio::ip::tcp> both(asio::ip::tcp::v6(), 0);
    REQUIRE_FALSE(both.error);
    CHECK(tcp_socket::connect(both.port()).fd() >= 0);
  }
}

}  // namespace rathole::test
