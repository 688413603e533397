#pragma once

#include <rathole/core/result.hpp>

#include <concepts>
#include <system_error>
#include <utility>

namespace rathole::io {

/// Memory that a `thread_buffer` can lend, such as `byte_buffer`. None of the operations throws.
///
/// * `empty()` returns whether it holds no bytes.
/// * `clear()` removes the bytes and keeps the memory.
/// * `wipe()` clears it, and overwrites all bytes that it has held since the last `wipe()`.
template <class W>
concept Workspace = std::default_initializable<W> && requires(W& w, const W& cw) {
  { cw.empty() } -> std::same_as<bool>;
  w.clear();
  w.wipe();
};

/// Provides working memory that the connections of a thread use in turn, so that an idle connection
/// owns none. It ensures that no bytes of one connection are sent on another: the memory is
/// accessible only through a loan, there is only one loan at a time, and a loan begins and ends
/// with empty memory, even after an exception. All functions must be called on the thread that the
/// object belongs to.
template <Workspace W>
class thread_buffer {
 public:
  /// The right to use the memory, from `lend()` until its destruction.
  class loan {
   public:
    /// Takes over the right of `other`.
    loan(loan&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    loan& operator=(loan&&) = delete;
    /// Empties the memory and ends the loan.
    ~loan() {
      if (owner_) owner_->take_back();
    }

    /// Returns the memory.
    [[nodiscard]] W& operator*() const { return owner_->memory_; }
    /// Returns the memory.
    [[nodiscard]] W* operator->() const { return &owner_->memory_; }

   private:
    friend thread_buffer;
    explicit loan(thread_buffer& owner) : owner_(&owner) {}

    thread_buffer* owner_;
  };

  /// Makes a buffer that owns no memory.
  thread_buffer() = default;
  thread_buffer(const thread_buffer&) = delete;
  thread_buffer& operator=(const thread_buffer&) = delete;

  /// Returns the working memory of the calling thread.
  static thread_buffer& of_thread() {
    thread_local thread_buffer instance;
    return instance;
  }

  /// Lends the memory, which is empty. Fails with `std::errc::state_not_recoverable` if it is lent
  /// already or holds bytes. The caller must then fail its connection, because the bytes belong to
  /// another one.
  [[nodiscard]] result<loan> lend() {
    if (lent_ || !memory_.empty()) {
      return failure(std::make_error_code(std::errc::state_not_recoverable));
    }
    lent_ = true;
    return loan(*this);
  }

  /// Overwrites what connections have left in the memory, at once or when the loan ends. It is
  /// called when a connection ends, so that the connection's bytes do not outlive it here.
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
