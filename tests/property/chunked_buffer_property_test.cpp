#include "../support/property.hpp"

#include <rathole/core/chunked_buffer.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace rathole::test {
namespace {

TEST_CASE("chunked_buffer matches a string of bytes") {
  RATHOLE_PROPERTY("chunked_buffer", [] {
    constexpr std::size_t chunk = chunked_buffer::chunk_size;
    chunked_buffer buffer;
    byte_vector model;
    std::uint8_t next = 0;
    const auto draw = [&](std::size_t count) {
      byte_vector out(count);
      for (std::uint8_t& byte : out) byte = next += 7;
      return out;
    };
    const int steps = *rc::gen::inRange(0, 60);
    for (int i = 0; i < steps; ++i) {
      switch (*rc::gen::inRange(0, 8)) {
        case 0:
          if (*rc::gen::inRange(0, 4) > 0) break;
          buffer.clear();
          model.clear();
          break;
        case 1: {
          chunked_buffer other;
          other.swap(buffer);
          buffer = std::move(other);
          break;
        }
        case 2: {
          const byte_span space = buffer.prepare();
          RC_ASSERT(!space.empty());
          const byte_vector in = draw(*rc::gen::inRange<std::size_t>(0, space.size() + 1));
          std::ranges::copy(in, space.begin());
          buffer.commit(in.size());
          model = std::move(model) + in;
          break;
        }
        case 3:
        case 4: {
          const byte_vector in = draw(*rc::gen::inRange<std::size_t>(0, 3 * chunk));
          buffer.append(in);
          model = std::move(model) + in;
          break;
        }
        default: {
          const auto count = *rc::gen::inRange<std::size_t>(0, model.size() + 1);
          buffer.consume(count);
          model.erase(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(count));
          break;
        }
      }
      RC_ASSERT(buffer.size() == model.size());
      RC_ASSERT(buffer.empty() == model.empty());
      RC_ASSERT(buffer.front().empty() == model.empty());
      RC_ASSERT(buffer.capacity() <= (model.empty() ? 0 : model.size() + 2 * chunk));
      std::array<byte_view, 200> views;
      const std::size_t count = buffer.gather(views);
      byte_vector held;
      for (std::size_t at = 0; at < count; ++at) {
        held.insert(held.end(), views[at].begin(), views[at].end());
      }
      RC_ASSERT(held == model);
    }
  });
}

}  // namespace
}  // namespace rathole::test
