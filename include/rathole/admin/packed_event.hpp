#pragma once

#include <rathole/admin/event_record.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace rathole::admin {

namespace detail {

/// How many bits of a number a byte has in LEB128.
inline constexpr unsigned leb128_bits = 7;
/// The bit of a byte that says that another one follows.
inline constexpr std::uint64_t leb128_more = 0x80;
/// The most bytes of a number of 64 bits.
inline constexpr std::size_t leb128_size = 10;

/// Writes the parts of an event, one after the other.
class event_packer {
 public:
  /// Makes a packer that writes to `to`, which must be large enough and outlive it.
  explicit event_packer(char* to) : at_(to) {}

  /// Returns where the next part would begin.
  [[nodiscard]] const char* end() const { return at_; }

  /// Writes the bytes of `value`.
  template <class T>
  void raw(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::memcpy(at_, &value, sizeof value);
    at_ += sizeof value;
  }
  /// Writes a number as LEB128: seven bits in a byte, the lowest ones first.
  void number(std::uint64_t value) {
    for (; value >= leb128_more; value >>= leb128_bits) {
      *at_++ = static_cast<char>(value | leb128_more);
    }
    *at_++ = static_cast<char>(value);
  }
  /// Writes a text, after its size.
  void text(std::string_view value) {
    number(value.size());
    at_ = std::ranges::copy(value, at_).out;
  }

 private:
  char* at_;
};

/// Takes the parts of an event from what an `event_packer` has made.
class event_unpacker {
 public:
  /// Makes an unpacker of `from`, which must outlive it.
  explicit event_unpacker(std::string_view from) : from_(from) {}

  /// Takes a value.
  template <class T>
  T raw() {
    T out;
    std::memcpy(&out, from_.data(), sizeof out);
    from_.remove_prefix(sizeof out);
    return out;
  }
  /// Takes a number.
  std::uint64_t number() {
    std::uint64_t out = 0;
    for (unsigned shift = 0;; shift += leb128_bits) {
      const std::uint64_t byte = raw<unsigned char>();
      out |= (byte & ~leb128_more) << shift;
      if (byte < leb128_more) return out;
    }
  }
  /// Takes a text.
  std::string text() {
    const std::size_t size = number();
    std::string out(from_.substr(0, size));
    from_.remove_prefix(size);
    return out;
  }

 private:
  std::string_view from_;
};

}  // namespace detail

/// Returns an event in as few bytes as it needs, because a program keeps many. Most have two short texts and
/// few numbers. Its own number is left out, and `name` stands for its name.
inline std::string pack(const event_view& what, std::size_t name) {
  // Those of the name, of the sizes of three texts, and of four other numbers.
  constexpr std::size_t numbers = 8;
  constexpr std::size_t numbers_size =
      sizeof(what.at) + numbers * detail::leb128_size + sizeof(what.seconds);
  std::string out(numbers_size + what.service.size() + what.address.size() + what.detail.size(),
                  '\0');
  detail::event_packer to(out.data());
  to.raw(what.at.time_since_epoch().count());
  to.number(name);
  to.text(what.service);
  to.text(what.address);
  to.text(what.detail);
  to.number(what.connection);
  to.number(what.received);
  to.number(what.sent);
  to.number(what.seconds != 0 ? 1 : 0);
  if (what.seconds != 0) to.raw(what.seconds);
  out.resize(static_cast<std::size_t>(to.end() - out.data()));
  return out;
}

/// Returns the event that `packed`, a result of `pack`, holds, with the number `id`. Its name is the one of
/// `names` for which a number stands.
inline event_record unpack(std::string_view packed, std::uint64_t id,
                           std::span<const std::string_view> names) {
  detail::event_unpacker from(packed);
  event_record out;
  out.id = id;
  using time = std::chrono::system_clock::time_point;
  out.at = time(time::duration(from.raw<time::rep>()));
  out.name = names[from.number()];
  out.service = from.text();
  out.address = from.text();
  out.detail = from.text();
  out.connection = from.number();
  out.received = from.number();
  out.sent = from.number();
  if (from.number() != 0) out.seconds = from.raw<double>();
  return out;
}

}  // namespace rathole::admin
