#pragma once

#include <rathole/admin/event_record.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

namespace rathole::admin {

/// An event without its number in as few bytes as it needs, because a program keeps many. Most have two
/// short texts and few numbers.
class packed_event {
 public:
  /// Packs `what`; its name must be a constant of the program.
  explicit packed_event(const event_record& what) {
    writer count(nullptr);
    write(count, what);
    size_ = count.size();
    bytes_ = std::make_unique_for_overwrite<char[]>(size_);
    writer fill(bytes_.get());
    write(fill, what);
  }

  /// Returns how many bytes it needs.
  [[nodiscard]] std::size_t size() const { return size_; }

  /// Returns the event, with the number `id`.
  [[nodiscard]] event_record unpacked(std::uint64_t id) const {
    reader from(bytes_.get());
    event_record out;
    out.id = id;
    using time = std::chrono::system_clock::time_point;
    out.at = time(time::duration(from.raw<time::rep>()));
    const auto name = from.raw<const char*>();
    out.name = std::string_view(name, from.number());
    out.service = from.text();
    out.address = from.text();
    out.detail = from.text();
    out.connection = from.number();
    out.received = from.number();
    out.sent = from.number();
    if (from.number() != 0) out.seconds = from.raw<double>();
    return out;
  }

 private:
  static constexpr unsigned bits_of_byte = 7;
  static constexpr std::uint64_t more = 0x80;

  /// Writes to memory, or only counts if there is none.
  class writer {
   public:
    explicit writer(char* to) : to_(to) {}
    [[nodiscard]] std::size_t size() const { return size_; }

    void bytes(const void* from, std::size_t count) {
      if (to_ && count > 0) std::memcpy(to_ + size_, from, count);
      size_ += count;
    }
    template <class T>
    void raw(const T& value) {
      static_assert(std::is_trivially_copyable_v<T>);
      bytes(&value, sizeof value);
    }
    /// Writes a number as LEB128: seven bits in a byte, the lowest ones first.
    void number(std::uint64_t value) {
      for (; value >= more; value >>= bits_of_byte) raw(static_cast<unsigned char>(value | more));
      raw(static_cast<unsigned char>(value));
    }
    void text(std::string_view value) {
      number(value.size());
      bytes(value.data(), value.size());
    }

   private:
    char* const to_;
    std::size_t size_ = 0;
  };

  /// Reads what a `writer` has written.
  class reader {
   public:
    explicit reader(const char* from) : from_(from) {}

    template <class T>
    T raw() {
      T out;
      std::memcpy(&out, from_, sizeof out);
      from_ += sizeof out;
      return out;
    }
    std::uint64_t number() {
      std::uint64_t out = 0;
      for (unsigned shift = 0;; shift += bits_of_byte) {
        const std::uint64_t byte = raw<unsigned char>();
        out |= (byte & ~more) << shift;
        if (byte < more) return out;
      }
    }
    std::string text() {
      const std::size_t size = number();
      std::string out(from_, size);
      from_ += size;
      return out;
    }

   private:
    const char* from_;
  };

  static void write(writer& to, const event_record& what) {
    to.raw(what.at.time_since_epoch().count());
    to.raw(what.name.data());
    to.number(what.name.size());
    to.text(what.service);
    to.text(what.address);
    to.text(what.detail);
    to.number(what.connection);
    to.number(what.received);
    to.number(what.sent);
    to.number(what.seconds != 0 ? 1 : 0);
    if (what.seconds != 0) to.raw(what.seconds);
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

}  // namespace rathole::admin
