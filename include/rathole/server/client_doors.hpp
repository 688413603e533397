#pragma once

#include <rathole/core/address.hpp>
#include <rathole/core/address_list.hpp>
#include <rathole/core/result.hpp>
#include <rathole/io/concepts.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <utility>
#include <vector>

namespace rathole::server {

/// An address that clients connect to, as the settings name it, and what listens there.
template <io::Acceptor A>
struct client_door {
  client_door(address at, A listening, std::stop_source ending = {})
      : where(std::move(at)), acceptor(std::move(listening)), closing(std::move(ending)) {}

  const address where;
  A acceptor;
  /// Requested when the address is not the server's any more.
  std::stop_source closing;
};

/// The addresses that clients connect to.
template <io::Acceptor A>
class client_doors {
 public:
  using door = client_door<A>;
  using door_pointer = std::shared_ptr<door>;

  /// The door at `where`, or null.
  [[nodiscard]] door_pointer find(const address& where) const {
    const auto found = std::ranges::find_if(
        doors_, [&](const door_pointer& each) { return each->where == where; });
    return found == doors_.end() ? nullptr : *found;
  }

  /// Adds a door; after `close` it is told to close at once.
  void add(door_pointer next) {
    if (closed_) {
      next->closing.request_stop();
    } else {
      doors_.push_back(std::move(next));
    }
  }

  /// Puts `next` in the place of `old`, whoever came in by which.
  void replace(const door_pointer& old, const door_pointer& next) {
    std::ranges::replace(doors_, old, next);
  }

  /// Makes room for `count` more, so that `add` needs no memory for them.
  void reserve(std::size_t count) { doors_.reserve(doors_.size() + count); }

  /// Closes the doors that `wanted` does not name. Needs no memory.
  void keep(const address_list& wanted) {
    for (;;) {
      // What closes with a door may come back here.
      const auto unwanted = std::ranges::find_if(doors_, [&](const door_pointer& each) {
        return std::ranges::find(wanted, each->where) == wanted.end();
      });
      if (unwanted == doors_.end()) return;
      const door_pointer gone = std::move(*unwanted);
      doors_.erase(unwanted);
      gone->closing.request_stop();
    }
  }

  /// The doors that `wanted` does not name, but whose ports it does.
  [[nodiscard]] std::vector<door_pointer> leaving_on_ports_of(const address_list& wanted) const {
    std::vector<door_pointer> out;
    for (const door_pointer& each : doors_) {
      const bool stays = std::ranges::find(wanted, each->where) != wanted.end();
      const bool has_port = std::ranges::any_of(wanted, [&](const address& other) {
        return other.port == each->where.port && other.port != 0;
      });
      if (!stays && has_port) out.push_back(each);
    }
    return out;
  }

  /// Closes all doors, for good.
  void close() {
    closed_ = true;
    keep({});
  }

  /// Forgets the doors; whoever else has them may go on.
  void clear() { doors_.clear(); }

  /// Second handles of all that listen, for a server that is to take the place of this one. Those
  /// that the system refuses are left out.
  [[nodiscard]] std::vector<door_pointer> duplicate() const {
    std::vector<door_pointer> out;
    for (const door_pointer& each : doors_) {
      auto again = each->acceptor.duplicate();
      if (again) out.push_back(std::make_shared<door>(each->where, std::move(*again)));
    }
    return out;
  }

 private:
  std::vector<door_pointer> doors_;
  bool closed_ = false;
};

}  // namespace rathole::server
