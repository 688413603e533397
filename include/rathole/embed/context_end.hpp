#pragma once

#include <rathole/version.hpp>

#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// An object that keeps itself alive by the handlers that it holds, as long as its context runs.
class context_member {
 public:
  /// Makes a member.
  context_member() = default;
  context_member(const context_member&) = delete;
  context_member& operator=(const context_member&) = delete;

  /// Destroys the handlers that the object holds, without calling them, as a context does with those
  /// that it holds when it is destroyed.
  virtual void drop_handlers() = 0;

 protected:
  /// Destroys this part of an object.
  ~context_member() = default;
};

/// Lets the members of a context drop their handlers when the context is destroyed, so that nothing
/// outlives it that only a handler keeps alive.
class context_end : public asio::execution_context::service {
 public:
  /// The identifier of the service for Asio.
  inline static asio::execution_context::id id;

  /// Makes the service of `context`; called by Asio.
  explicit context_end(asio::execution_context& context) : service(context) {}

  /// Adds a member of `context`. May be called by any thread.
  static void add(asio::io_context& context, const std::shared_ptr<context_member>& member) {
    context_end& self = asio::use_service<context_end>(context);
    const std::lock_guard lock(self.mutex_);
    std::erase_if(self.members_, [](const auto& each) { return each.expired(); });
    self.members_.push_back(member);
  }

 private:
  void shutdown() override {
    std::vector<std::weak_ptr<context_member>> all;
    {
      const std::lock_guard lock(mutex_);
      all = std::exchange(members_, {});
    }
    for (const auto& each : all) {
      if (const auto member = each.lock()) member->drop_handlers();
    }
  }

  std::mutex mutex_;
  std::vector<std::weak_ptr<context_member>> members_;
};

/// Makes a member of `context`. Everything that holds handlers which may own it, or each other, must
/// be made by this function. May be called by any thread.
template <class Member, class... Args>
std::shared_ptr<Member> make_context_member(asio::io_context& context, Args&&... args) {
  auto made = std::make_shared<Member>(std::forward<Args>(args)...);
  context_end::add(context, made);
  return made;
}

}  // namespace rathole::embed::inline RATHOLE_ABI
