#pragma once

#include "swept_tunnel.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string>

namespace rathole::test {

/// Returns the stride of a sweep, which fails one in so many allocations: `usual`, unless
/// RATHOLE_MEMORY_STRIDE says otherwise (1: every one).
inline std::uint64_t sweep_stride(std::uint64_t usual) {
  const char* given = std::getenv("RATHOLE_MEMORY_STRIDE");
  const std::uint64_t stride = given ? std::strtoull(given, nullptr, 10) : usual;
  return std::max<std::uint64_t>(stride, 1);
}

/// Returns the number of the first allocation that fails in a sweep: 1, unless RATHOLE_MEMORY_FIRST
/// says otherwise.
inline std::uint64_t sweep_first() {
  const char* given = std::getenv("RATHOLE_MEMORY_FIRST");
  return given ? std::strtoull(given, nullptr, 10) : 1;
}

/// Returns what an idle tunnel uses, which must not depend on what happened before.
inline void expect_same(const holdings& is, const holdings& was) {
  require_that(is.resources.streams == was.resources.streams,
               "streams when idle: " + std::to_string(is.resources.streams) + ", not " +
                   std::to_string(was.resources.streams));
  require_that(is.resources.acceptors == was.resources.acceptors, "other listeners than before");
  require_that(is.resources.datagram_sockets == was.resources.datagram_sockets,
               "other UDP sockets than before");
  require_that(is.server_tasks == was.server_tasks, "other tasks of the server than before");
  require_that(is.client_tasks == was.client_tasks, "other tasks of the client than before");
  require_that(is.server_descriptors == was.server_descriptors,
               "the server counts other descriptors");
  require_that(is.client_descriptors == was.client_descriptors,
               "the client counts other descriptors");
}

/// Runs a tunnel in which `count` allocations of one program fail, from number `failing` on.
/// Returns how many allocations there were.
template <class Kit>
std::uint64_t tunnel_life(swept which, std::uint64_t failing, std::uint64_t count,
                          holdings* rest = nullptr) {
  failing_allocator memory(failing, count);
  swept_tunnel<Kit> tunnel(which);
  const std::size_t broken = tunnel.live();
  const std::uint64_t allocations = memory.count();
  if (count == 1) require_that(broken <= (failing > 0 ? 1 : 0), "more than one connection broke");
  const holdings found = tunnel.recover();
  if (failing == 0 && rest) *rest = found;
  if (failing > 0 && rest) expect_same(found, *rest);
  tunnel.stop(false);
  return allocations;
}

/// Runs a tunnel during whose shutdown allocations fail. Returns how many allocations there were.
template <class Kit>
std::uint64_t tunnel_end(swept which, std::uint64_t failing, std::uint64_t count) {
  const auto tunnel = [which] {
    const failing_allocator none(0);
    auto made = std::make_unique<swept_tunnel<Kit>>(which);
    (void)made->live();
    (void)made->recover();
    return made;
  }();
  const failing_allocator memory(failing, count);
  tunnel->stop(true);
  return memory.count();
}

/// Fails each allocation of `life(failing, count)` in turn, or one in every `stride`.
template <class Life>
void sweep(Life life, std::uint64_t allocations, std::uint64_t stride, std::uint64_t count) {
  CAPTURE(allocations);
  CAPTURE(count);
  for (std::uint64_t failing = sweep_first(); failing <= allocations; failing += stride) {
    CAPTURE(failing);
    try {
      life(failing, count);
    } catch (const std::exception& wrong) {
      FAIL_CHECK(std::string(wrong.what()));
    }
  }
}

/// Runs all sweeps for one program: single failures, and long series of them.
template <class Kit>
void sweep_tunnel(swept which, std::uint64_t usual_stride) {
  const std::uint64_t stride = sweep_stride(usual_stride);
  holdings rest;
  const std::uint64_t in_life = tunnel_life<Kit>(which, 0, 0, &rest);
  CHECK(in_life > 200);
  const auto life = [&](std::uint64_t failing, std::uint64_t count) {
    tunnel_life<Kit>(which, failing, count, &rest);
  };
  sweep(life, in_life, stride, 1);
  sweep(life, in_life, 4 * stride, 20);
  sweep(life, in_life, 8 * stride, 300);
  const std::uint64_t in_end = tunnel_end<Kit>(which, 0, 0);
  CHECK(in_end > 0);
  const auto end = [&](std::uint64_t failing, std::uint64_t count) {
    tunnel_end<Kit>(which, failing, count);
  };
  sweep(end, in_end, stride, 1);
  sweep(end, in_end, 4 * stride, 20);
}

}  // namespace rathole::test
