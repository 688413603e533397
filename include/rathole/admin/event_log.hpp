#pragma once

#include <rathole/admin/event_record.hpp>
#include <rathole/admin/packed_event.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::admin {

/// The last events, for readers that come later or read slowly. Any thread may use it.
class event_log {
 public:
  /// The most events that are kept.
  static constexpr std::size_t capacity = 1024;
  /// The most bytes that their texts and numbers need. If they are longer than usual, fewer events are kept,
  /// but always the last one.
  static constexpr std::size_t byte_capacity = std::size_t{256} * 1024;

  /// The events after one, and how many before them are lost.
  struct page {
    /// The events, the oldest first.
    std::vector<event_record> events = {};
    /// How many events before the first are not kept any more.
    std::uint64_t missed = 0;
  };

  /// Calls `wake` when there are new events after a call of `read`, once for each such call; any thread
  /// may call it. Null ends the calls.
  void on_events(std::function<void()> wake) {
    const std::lock_guard held(guard_);
    wake_ = std::move(wake);
  }

  /// Adds an event, which gets the next number. Its name must be a constant of the program.
  void add(const event_view& what) {
    const std::lock_guard held(guard_);
    const std::string packed = pack(what, number_of(what.name));
    begins_.push_back(end_);
    try {
      packed_.insert(packed_.end(), packed.begin(), packed.end());
    } catch (const std::bad_alloc&) {
      begins_.pop_back();
      throw;
    }
    end_ += static_cast<position>(packed.size());
    ++last_;
    while (begins_.size() > capacity || (packed_.size() > byte_capacity && begins_.size() > 1)) {
      packed_.erase(packed_.begin(), packed_.begin() + begin_of(1));
      begins_.pop_front();
    }
    if (std::exchange(is_awaited_, false) && wake_) wake_();
  }

  /// Returns the id of the last event; 0 if there was none.
  [[nodiscard]] std::uint64_t last() const {
    const std::lock_guard held(guard_);
    return last_;
  }

  /// Returns at most `most` events after the one with the id `after`.
  page read(std::uint64_t after, std::size_t most) {
    const copied raw = copy(after, most);
    page out;
    out.missed = raw.missed;
    out.events.reserve(raw.sizes.size());
    std::string_view rest = raw.packed;
    for (const position size : raw.sizes) {
      out.events.push_back(unpack(rest.substr(0, size), raw.first + out.events.size(), raw.names));
      rest.remove_prefix(size);
    }
    return out;
  }

 private:
  /// A number of bytes since the program began, without its higher bits: only differences matter.
  using position = std::uint32_t;

  /// A `page` whose events are packed.
  struct copied {
    std::uint64_t missed = 0;
    /// The id of the first event.
    std::uint64_t first = 0;
    std::string packed;
    std::vector<position> sizes;
    std::vector<std::string_view> names;
  };

  /// Copies the events of a `page`. Those who add events wait meanwhile, so it does nothing else.
  copied copy(std::uint64_t after, std::size_t most) {
    copied out;
    const std::lock_guard held(guard_);
    is_awaited_ = true;
    if (after >= last_) return out;
    const std::uint64_t oldest = last_ - begins_.size() + 1;
    out.first = std::max(after + 1, oldest);
    out.missed = out.first - after - 1;
    out.names = names_;
    const auto begin = static_cast<std::size_t>(out.first - oldest);
    const std::size_t end = begin + std::min(most, begins_.size() - begin);
    const auto from = packed_.cbegin();
    out.packed.assign(from + begin_of(begin), from + begin_of(end));
    for (std::size_t i = begin; i < end; ++i) {
      out.sizes.push_back(static_cast<position>(begin_of(i + 1) - begin_of(i)));
    }
    return out;
  }

  /// Returns the place of a name in `names_`.
  std::size_t number_of(std::string_view name) {
    const auto found = std::ranges::find(names_, name);
    const auto place = static_cast<std::size_t>(found - names_.begin());
    if (found == names_.end()) names_.push_back(name);
    return place;
  }

  /// Returns where in `packed_` the event begins that is `index` after the oldest; its end for the one
  /// after the last.
  [[nodiscard]] std::ptrdiff_t begin_of(std::size_t index) const {
    const position at = index < begins_.size() ? begins_[index] : end_;
    return static_cast<position>(at - begins_.front());
  }

  mutable std::mutex guard_;
  /// All events, one after the other, because one needs less than what an allocation costs.
  std::deque<char> packed_;
  /// The names that events have had: constants of the program, of which there are few.
  std::vector<std::string_view> names_;
  /// Where each event begins.
  std::deque<position> begins_;
  /// Where the next one begins.
  position end_ = 0;
  std::uint64_t last_ = 0;
  std::function<void()> wake_;
  bool is_awaited_ = false;
};

}  // namespace rathole::admin
