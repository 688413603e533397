#include "../support/layer_laws.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <rapidcheck/detail/Results.h>
#include <rapidcheck/detail/TestParams.h>

namespace rathole::test {
namespace {

/// The fault that an example layer has.
enum class flaw {
  none,
  loses_split_head,
  replies_depend_on_chunks,
  ignores_checks,
  goes_on_after_errors,
  ignores_end,
  needs_no_end
};

/// An example layer: each end sends a hello; then come messages of a length, its complement, the
/// bytes with each bit inverted, and their sum. An empty message is the end.
template <flaw Flaw = flaw::none>
class xor_layer {
 public:
  static constexpr std::size_t max_buffered = 258;
  [[nodiscard]] std::size_t buffered() const { return held_.size(); }

  result<void> start(byte_buffer& wire) {
    wire.append(text("toy"));
    return {};
  }

  result<void> receive(byte_view in, byte_buffer& app, byte_buffer& wire) {
    if (error_) return failure(error_);
    for (const std::uint8_t byte : in) {
      held_.push_back(byte);
      const result<void> taken = take(app, wire);
      if (!taken) return taken;
    }
    if (Flaw == flaw::loses_split_head && is_open_ && held_.size() == 1) held_.clear();
    if (Flaw == flaw::replies_depend_on_chunks && !held_.empty()) wire.append(text("?"));
    return {};
  }

  result<void> receive_end() {
    if (error_) return failure(error_);
    if (!read_closed_ && Flaw != flaw::needs_no_end) return fail(errc::truncated);
    read_closed_ = true;
    return {};
  }

  result<void> send(byte_view in, byte_buffer& wire) {
    if (error_) return failure(error_);
    while (!in.empty()) {
      const byte_view piece = in.first(std::min<std::size_t>(in.size(), 255));
      in = in.subspan(piece.size());
      put(piece, wire);
    }
    return {};
  }

  result<void> close(byte_buffer& wire) {
    if (error_) return failure(error_);
    put({}, wire);
    write_closed_ = true;
    return {};
  }

  [[nodiscard]] phase state() const {
    if (!is_open_) return phase::handshaking;
    if (error_ || (read_closed_ && write_closed_)) return phase::closed;
    if (read_closed_) return phase::read_closed;
    return write_closed_ ? phase::write_closed : phase::open;
  }

 private:
  static void put(byte_view in, byte_buffer& wire) {
    const byte_span out = wire.extend(in.size() + 3);
    out[0] = static_cast<std::uint8_t>(in.size());
    out[1] = static_cast<std::uint8_t>(~in.size());
    std::uint8_t sum = 0;
    for (std::size_t i = 0; i < in.size(); ++i) {
      out[2 + i] = static_cast<std::uint8_t>(~in[i]);
      sum = static_cast<std::uint8_t>(sum + in[i]);
    }
    out[2 + in.size()] = sum;
  }

  result<void> take(byte_buffer& app, byte_buffer& wire) {
    if (read_closed_) return fail(errc::unexpected_message);
    if (!is_open_) {
      if (held_.size() < 3) return {};
      if (held_ != byte_vector{'t', 'o', 'y'}) {
        wire.append(text("no"));
        return fail(errc::unexpected_message);
      }
      is_open_ = true;
      held_.clear();
      return {};
    }
    if (held_.size() < 2) return {};
    constexpr bool checks = Flaw != flaw::ignores_checks;
    if (checks && (held_[0] ^ held_[1]) != 0xff) return fail(errc::decryption_failed);
    if (held_.size() < held_[0] + 3u) return {};
    byte_vector out;
    std::uint8_t sum = 0;
    for (std::size_t i = 2; i < held_.size() - 1; ++i) {
      out.push_back(static_cast<std::uint8_t>(~held_[i]));
      sum = static_cast<std::uint8_t>(sum + out.back());
    }
    if (checks && sum != held_.back()) return fail(errc::decryption_failed);
    app.append(out);
    if (out.empty() && Flaw != flaw::ignores_end) read_closed_ = true;
    held_.clear();
    return {};
  }

  result<void> fail(errc why) {
    if (Flaw != flaw::goes_on_after_errors) error_ = why;
    held_.clear();
    return failure(why);
  }

  byte_vector held_;
  std::error_code error_;
  bool is_open_ = false;
  bool read_closed_ = false;
  bool write_closed_ = false;
};

template <flaw Flaw>
void check_toys() {
  const auto make = [] { return xor_layer<Flaw>(); };
  layer_laws::check(make, make, {.authenticated = true});
}

template <flaw Flaw>
bool is_found() {
  rc::detail::TestParams params;
  params.disableShrinking = true;
  const auto outcome =
      rc::detail::checkTestable(check_toys<Flaw>, rc::detail::TestMetadata(), params);
  rc::detail::FailureResult failure;
  return outcome.match(failure);
}

TEST_CASE("layer laws: a correct example layer satisfies them") {
  RATHOLE_PROPERTY("xor_layer", check_toys<flaw::none>);
}

TEST_CASE("layer laws: faulty example layers are detected") {
  CHECK(is_found<flaw::loses_split_head>());
  CHECK(is_found<flaw::replies_depend_on_chunks>());
  CHECK(is_found<flaw::ignores_checks>());
  CHECK(is_found<flaw::goes_on_after_errors>());
  CHECK(is_found<flaw::ignores_end>());
  CHECK(is_found<flaw::needs_no_end>());
}

}  // namespace
}  // namespace rathole::test
