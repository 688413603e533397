#pragma once

#include <rathole/core/address.hpp>

#include <algorithm>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::server_side {

/// The addresses at which servers listen at present, with the ports that the system chose. Servers
/// that follow each other share one object. All functions may be called by any thread. It must be
/// held by `shared_ptr`.
class listening_addresses : public std::enable_shared_from_this<listening_addresses> {
  struct item {
    std::optional<std::string> service;
    address at;
  };
  using item_list = std::list<item>;

 public:
  /// Keeps an address in the list while it exists. It may be destroyed by any thread.
  class entry {
   public:
    /// Makes an entry that keeps nothing.
    entry() = default;
    /// Takes over what `other` keeps.
    entry(entry&& other) noexcept : list_(std::move(other.list_)), at_(other.at_) {}
    /// Removes the address, and takes over what `other` keeps.
    entry& operator=(entry&& other) noexcept {
      if (this == &other) return *this;
      reset();
      list_ = std::move(other.list_);
      at_ = other.at_;
      return *this;
    }
    /// Removes the address.
    ~entry() { reset(); }

    /// Removes the address from the list.
    void reset() {
      if (const auto list = std::exchange(list_, nullptr)) list->remove(at_);
    }

   private:
    friend class listening_addresses;
    entry(std::shared_ptr<listening_addresses> list, item_list::iterator at)
        : list_(std::move(list)), at_(at) {}

    std::shared_ptr<listening_addresses> list_;
    item_list::iterator at_;
  };

  /// Adds the address `at`, where visitors of `service` can connect, or clients if there is none.
  [[nodiscard]] entry add(std::optional<std::string> service, const address& at) {
    item_list added;
    added.push_back({std::move(service), at});
    const std::lock_guard lock(mutex_);
    items_.splice(items_.end(), added);
    return entry(shared_from_this(), std::prev(items_.end()));
  }

  /// Returns the addresses of `service`, or those for clients if there is none, each once, in the
  /// order in which they were added.
  [[nodiscard]] std::vector<address> of(std::optional<std::string_view> service) const {
    std::vector<address> out;
    const std::lock_guard lock(mutex_);
    for (const item& each : items_) {
      if (each.service == service && std::ranges::find(out, each.at) == out.end()) {
        out.push_back(each.at);
      }
    }
    return out;
  }

 private:
  void remove(item_list::iterator at) {
    const std::lock_guard lock(mutex_);
    items_.erase(at);
  }

  mutable std::mutex mutex_;
  item_list items_;
};

}  // namespace rathole::server_side
