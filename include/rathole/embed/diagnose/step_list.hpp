#pragma once

#include <rathole/core/time.hpp>
#include <rathole/embed/diagnose/diagnosis.hpp>
#include <rathole/text/advice.hpp>
#include <rathole/version.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// The steps of a diagnosis and what they need of each other, without input or output. The owner
/// performs the step that `next` returns, reports how it ended, and asks for the next one. A step
/// that needs a failed one, directly or through others, is skipped. `Action` says what to do.
template <class Action>
class step_list {
 public:
  /// The indexes of steps.
  using indexes = std::vector<std::size_t>;

  /// Appends a step that needs the earlier steps `needs`; returns its index.
  std::size_t add(std::string name, std::string subject, Action action, indexes needs = {}) {
    planned_.push_back(
        {std::move(name), std::move(subject), std::move(action), std::move(needs), std::nullopt});
    return planned_.size() - 1;
  }

  /// Returns the next step to perform, after the skipped ones before it; nothing if there is none.
  /// The returned object lives as long as the list, unless a step is added.
  const Action* next() {
    while (done_.steps.size() < planned_.size()) {
      planned& step = planned_[done_.steps.size()];
      step.cause = cause_of(step);
      if (!step.cause) return &step.action;
      diagnosis_step& out = begin();
      out.text = "not done, because `" + planned_[*step.cause].name + "` failed";
    }
    return nullptr;
  }

  /// Records that the current step found `text` and took `took`.
  void succeeded(std::string text, duration took) {
    diagnosis_step& out = begin();
    out.result = step_result::ok;
    out.text = std::move(text);
    out.took = took;
  }

  /// Records that the current step failed with `error`, as `why` explains, and took `took`.
  void failed(std::error_code error, text::explanation why, duration took) {
    planned_[done_.steps.size()].cause = done_.steps.size();
    diagnosis_step& out = begin();
    out.result = step_result::failed;
    out.error = error;
    out.remedy = why.remedy();
    out.text = std::move(why.what);
    out.took = took;
  }

  /// Returns the steps that are done or skipped.
  [[nodiscard]] const diagnosis& done() const { return done_; }
  /// Returns the same, and leaves the list without results.
  diagnosis take() { return std::exchange(done_, {}); }

 private:
  struct planned {
    std::string name;
    std::string subject;
    Action action;
    indexes needs;
    /// The failed step because of which this one is not done, or this one itself if it failed.
    std::optional<std::size_t> cause;
  };

  [[nodiscard]] std::optional<std::size_t> cause_of(const planned& step) const {
    for (const std::size_t each : step.needs) {
      if (planned_[each].cause) return planned_[each].cause;
    }
    return std::nullopt;
  }

  /// Appends the result of the current step, which is skipped unless the caller says otherwise.
  diagnosis_step& begin() {
    const planned& step = planned_[done_.steps.size()];
    diagnosis_step& out = done_.steps.emplace_back();
    out.name = step.name;
    out.subject = step.subject;
    return out;
  }

  std::vector<planned> planned_;
  diagnosis done_;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
