#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <unordered_map>
#include <utility>

namespace rathole {

/// A queue that is ordered by tickets, which the caller assigns, and from which elements can also
/// be removed by key. Keys are unique, and so are tickets. No operation visits every element.
template <class Key, class T>
class keyed_queue {
 public:
  /// The number that orders the elements: the lowest is at the front.
  using ticket = std::uint64_t;

  /// One element of the queue.
  struct element {
    /// The key that identifies the element.
    Key key;
    /// The value that the caller stored.
    T value;
  };

  /// Returns whether the queue has no elements.
  [[nodiscard]] bool empty() const { return elements_.empty(); }
  /// Returns the number of elements.
  [[nodiscard]] std::size_t size() const { return elements_.size(); }
  /// Returns whether an element has `key`.
  [[nodiscard]] bool contains(const Key& key) const { return tickets_.contains(key); }

  /// Inserts an element in front of all elements with a higher ticket. Neither `at` nor `key` may
  /// be in use. If memory runs out, nothing changes.
  void insert(ticket at, const Key& key, T value) {
    assert(!elements_.contains(at) && !tickets_.contains(key));
    const auto added = elements_.emplace(at, element{key, std::move(value)}).first;
    try {
      tickets_.emplace(key, at);
    } catch (...) {
      elements_.erase(added);
      throw;
    }
  }

  /// Returns the element with the lowest ticket. The queue must not be empty.
  [[nodiscard]] const element& front() const { return elements_.begin()->second; }

  /// Returns the element with the highest ticket. The queue must not be empty.
  [[nodiscard]] const element& back() const { return std::prev(elements_.end())->second; }

  /// Removes and returns the element with the lowest ticket. The queue must not be empty.
  element pop_front() { return pop(elements_.begin()); }

  /// Removes and returns the element with the highest ticket. The queue must not be empty.
  element pop_back() { return pop(std::prev(elements_.end())); }

  /// Removes the element with `key`; returns false if there is none.
  bool erase(const Key& key) {
    const auto found = tickets_.find(key);
    if (found == tickets_.end()) return false;
    elements_.erase(found->second);
    tickets_.erase(found);
    return true;
  }

 private:
  using element_map = std::map<ticket, element>;

  element pop(typename element_map::iterator at) {
    assert(!empty());
    element out = std::move(at->second);
    tickets_.erase(out.key);
    elements_.erase(at);
    return out;
  }

  element_map elements_;
  std::unordered_map<Key, ticket> tickets_;
};

}  // namespace rathole
