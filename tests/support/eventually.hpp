#pragma once

#include <chrono>
#include <thread>

namespace rathole::test {

/// How long a test waits for something that must happen: far more than a loaded machine with
/// sanitizers needs, so that exceeding it means "never".
inline constexpr std::chrono::milliseconds test_timeout{30'000};

/// Evaluates `condition` until it holds; returns false if it does not within `limit`.
template <class F>
bool eventually(F&& condition, std::chrono::milliseconds limit = test_timeout) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  return true;
}

}  // namespace rathole::test
