#pragma once

#include <rathole/core/result.hpp>

#include <concepts>
#include <system_error>
#include <utility>

namespace rathole::io {

/// Memory that a `shared_buffer` can lend, such as `byte_buffer`. None of the operations throws.
///
/// * `empty()`: whether it holds no bytes.
/// * `clear()`: drops the bytes that it holds, and keeps the memory.
/// * `wipe()`: as `clear()`, and overwrites all bytes that it has held since the last `wipe()`.
template <class W>
concept Workspace = std::default_initializable<W> && requires(W& w, const W& cw) {
  { cw.empty() } -> std::same_as<bool>;
  w.clear();
  w.wipe();
};

/// Memory that the connections of a thread work in one after the other, so that a connection that
/// waits owns none. It protects the bytes of one connection from being sent on another: the memory
/// is reached through a loan only, one loan exists at a time, a loan begins with empty memory, and
/// however it ends, by an exception too, it leaves empty memory behind. All of it happens on the
/// thread that the object belongs to.
template <Workspace W>
class shared_buffer {
 public:
  /// The right to use the memory, from `lend()` to the destruction.
  class loan {
   public:
    loan(loan&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    loan& operator=(loan&&) = delete;
    ~loan() {
      if (owner_) owner_->take_back();
    }

    [[nodiscard]] W& operator*() const { return owner_->memory_; }
    [[nodiscard]] W* operator->() const { return &owner_->memory_; }

   private:
    friend shared_buffer;
    explicit loan(shared_buffer& owner) : owner_(&owner) {}

    shared_buffer* owner_;
  };

  shared_buffer() = default;
  shared_buffer(const shared_buffer&) = delete;
  shared_buffer& operator=(const shared_buffer&) = delete;

  /// The one of the calling thread.
  static shared_buffer& of_thread() {
    thread_local shared_buffer instance;
    return instance;
  }

  /// Lends the memory, which is empty. Fails with `std::errc::state_not_recoverable` if it is lent
  /// already or holds bytes: the caller then fails its connection, for the bytes are of another one.
  [[nodiscard]] result<loan> lend() {
    if (lent_ || !memory_.empty()) {
      return failure(std::make_error_code(std::errc::state_not_recoverable));
    }
    lent_ = true;
    return loan(*this);
  }

  /// Overwrites what connections have left behind in the memory: at once, or when the loan ends. A
  /// connection that ends calls it, so that its bytes do not outlive it here.
  void wipe() {
    wipe_is_due_ = lent_;
    if (!lent_) memory_.wipe();
  }

 private:
  void take_back() {
    lent_ = false;
    memory_.clear();
    if (std::exchange(wipe_is_due_, false)) memory_.wipe();
  }

  W memory_;
  bool lent_ = false;
  bool wipe_is_due_ = false;
};

}  // namespace rathole::io
