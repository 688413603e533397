#include "../support/property.hpp"

#include <rathole/protocol/admission.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace rathole::test {
namespace {

using protocol::admission;
using protocol::admission_limits;

/// A simple model of `admission`: one list, oldest first, which is searched each time.
class list_admission {
 public:
  explicit list_admission(admission_limits limits) { set_limits(limits); }

  void set_limits(admission_limits limits) {
    total_ = std::max<std::size_t>(limits.total, 1);
    per_source_ = std::max<std::size_t>(limits.per_source, 1);
  }

  std::optional<std::uint64_t> admit(const std::string& from, std::uint64_t ticket) {
    open_.push_back({ticket, from});
    if (!is_exempt(from) && count(from) > per_source_) return drop_oldest_of(from);
    if (open_.size() <= total_) return std::nullopt;
    std::string most = open_.front().from;
    for (const connection& each : open_) {
      if (load(each.from) > load(most)) most = each.from;
    }
    return drop_oldest_of(most);
  }

  bool release(std::uint64_t ticket) {
    return std::erase_if(open_, [&](const connection& c) { return c.ticket == ticket; }) > 0;
  }
  void exempt(const std::string& from) { ++exemptions_[from]; }
  void unexempt(const std::string& from) { --exemptions_[from]; }
  bool is_exempt(const std::string& from) { return exemptions_[from] > 0; }

  std::size_t size() const { return open_.size(); }
  std::size_t count(const std::string& from) const {
    return static_cast<std::size_t>(std::ranges::count(open_, from, &connection::from));
  }
  std::size_t sources(const std::vector<std::string>& all) {
    return static_cast<std::size_t>(
        std::ranges::count_if(all, [&](const auto& s) { return count(s) > 0 || is_exempt(s); }));
  }

 private:
  struct connection {
    std::uint64_t ticket;
    std::string from;
  };

  std::size_t load(const std::string& from) {
    if (!is_exempt(from)) return count(from);
    return count(from) > per_source_ ? count(from) - per_source_ : 1;
  }
  std::optional<std::uint64_t> drop_oldest_of(const std::string& from) {
    const auto oldest = std::ranges::find(open_, from, &connection::from);
    const std::uint64_t out = oldest->ticket;
    open_.erase(oldest);
    return out;
  }

  std::size_t total_ = 0;
  std::size_t per_source_ = 0;
  std::vector<connection> open_;
  std::map<std::string, std::size_t> exemptions_;
};

admission_limits any_limits() {
  admission_limits out;
  out.total = *rc::gen::inRange<std::size_t>(0, 12);
  out.per_source = *rc::gen::inRange<std::size_t>(0, 6);
  return out;
}

TEST_CASE("admission matches a simple model and keeps its bounds, which may change") {
  RATHOLE_PROPERTY("admission", [] {
    admission_limits limits = any_limits();
    admission admitting(limits);
    list_admission model(limits);
    const std::vector<std::string> sources{"a", "b", "c", "d"};
    std::uint64_t tickets = 0;

    const int steps = *rc::gen::inRange(0, 200);
    for (int i = 0; i < steps; ++i) {
      const std::string& source = sources[*rc::gen::inRange<std::size_t>(0, sources.size())];
      const std::size_t before = admitting.size();
      switch (*rc::gen::inRange(0, 11)) {
        case 0: {
          admitting.exempt(source);
          model.exempt(source);
          break;
        }
        case 1:
          if (model.is_exempt(source)) {
            admitting.unexempt(source);
            model.unexempt(source);
          }
          break;
        case 2:
        case 3:
        case 4: {
          const auto ticket = *rc::gen::inRange<std::uint64_t>(0, tickets + 1);
          RC_ASSERT(admitting.release(ticket) == model.release(ticket));
          break;
        }
        case 5:
          limits = any_limits();
          admitting.set_limits(limits);
          model.set_limits(limits);
          break;
        default: {
          const auto verdict = admitting.admit(source);
          RC_ASSERT(verdict.admitted == tickets);
          RC_ASSERT(verdict.evicted == model.admit(source, tickets));
          RC_ASSERT(verdict.evicted != std::optional(tickets));
          ++tickets;
          break;
        }
      }
      RC_ASSERT(admitting.size() == model.size());
      RC_ASSERT(admitting.size() <= std::max<std::size_t>({limits.total, before, 1}));
      RC_ASSERT(admitting.sources() == model.sources(sources));
    }
  });
}

}  // namespace
}  // namespace rathole::test
