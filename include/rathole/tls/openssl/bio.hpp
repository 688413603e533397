#pragma once

#include <rathole/core/byte_buffer.hpp>
#include <rathole/core/bytes.hpp>

#include <openssl/bio.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>

namespace rathole::tls {

/// The buffers that OpenSSL reads and writes during one call: the received bytes, and the buffer
/// for the bytes to be sent.
struct openssl_wire {
  /// The received bytes that OpenSSL has not read yet.
  byte_view in = {};
  /// The buffer that OpenSSL writes to; null between calls.
  byte_buffer* out = nullptr;
  /// Whether memory has run out. It is recorded here because an exception must not pass through
  /// OpenSSL.
  bool exhausted = false;
};

namespace detail {

/// Returns the wire of `bio`.
inline openssl_wire& wire_of(BIO* bio) { return *static_cast<openssl_wire*>(BIO_get_data(bio)); }

/// Reads for OpenSSL; see BIO_meth_set_read_ex(3).
inline int read_wire(BIO* bio, char* out, std::size_t room, std::size_t* count) {
  openssl_wire& wire = wire_of(bio);
  BIO_clear_retry_flags(bio);
  if (wire.in.empty()) {
    BIO_set_retry_read(bio);
    return 0;
  }
  *count = std::min(room, wire.in.size());
  std::copy_n(wire.in.data(), *count, reinterpret_cast<std::uint8_t*>(out));
  wire.in = wire.in.subspan(*count);
  return 1;
}

/// Writes for OpenSSL; see BIO_meth_set_write_ex(3).
inline int write_wire(BIO* bio, const char* in, std::size_t size, std::size_t* count) {
  openssl_wire& wire = wire_of(bio);
  BIO_clear_retry_flags(bio);
  if (!wire.out) return 0;
  try {
    wire.out->append({reinterpret_cast<const std::uint8_t*>(in), size});
  } catch (const std::bad_alloc&) {
    wire.exhausted = true;
    return 0;
  }
  *count = size;
  return 1;
}

/// Handles control requests of OpenSSL: flushing succeeds, because nothing is buffered.
inline long control_wire(BIO*, int what, long, void*) { return what == BIO_CTRL_FLUSH ? 1 : 0; }

/// Initializes a BIO for OpenSSL; see BIO_meth_set_create(3).
inline int create_wire(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

/// Returns the method of all BIOs made by `make_bio`. Throws `std::bad_alloc`.
inline BIO_METHOD* wire_method() {
  static const auto method = [] {
    std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> made(
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "rathole"), &BIO_meth_free);
    if (!made) throw std::bad_alloc();
    BIO_meth_set_read_ex(made.get(), read_wire);
    BIO_meth_set_write_ex(made.get(), write_wire);
    BIO_meth_set_ctrl(made.get(), control_wire);
    BIO_meth_set_create(made.get(), create_wire);
    return made;
  }();
  return method.get();
}

}  // namespace detail

/// Returns a new BIO on `wire`, which must outlive it; bytes pass without an intermediate buffer.
/// The caller, usually an SSL object, owns the BIO. Throws `std::bad_alloc`.
inline BIO* make_bio(openssl_wire& wire) {
  BIO* const made = BIO_new(detail::wire_method());
  if (!made) throw std::bad_alloc();
  BIO_set_data(made, &wire);
  return made;
}

}  // namespace rathole::tls
