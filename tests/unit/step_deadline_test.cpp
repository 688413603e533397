#include <rathole/core/step_deadline.hpp>

#include <doctest/doctest.h>

namespace rathole::test {
namespace {

using namespace std::chrono_literals;

constexpr time_point start{1h};

TEST_CASE("step_deadline: a completed step restarts the time, up to four times in total") {
  step_deadline deadline(start, 5s);
  const step_deadline copy = deadline;
  CHECK(deadline.at() == start + 5s);
  deadline.step_done(start + 4s);
  CHECK(deadline.at() == start + 9s);
  CHECK(copy.at() == start + 9s);
  deadline.step_done(start + 8s);
  deadline.step_done(start + 12s);
  CHECK(deadline.at() == start + 17s);
  for (const duration late : {16s, 19s, 20s}) {
    deadline.step_done(start + late);
    CHECK(deadline.at() == start + 20s);
  }
}

TEST_CASE("step_deadline: may be fixed, so that no step extends it") {
  step_deadline deadline(start);
  deadline.step_done(start + 1s);
  deadline.shorten(1s);
  CHECK(deadline.at() == start);
}

TEST_CASE("step_deadline: a shorter time applies to the current step and to the total") {
  step_deadline deadline(start, 10s);
  deadline.step_done(start + 1s);
  deadline.shorten(3s);
  CHECK(deadline.at() == start + 4s);
  deadline.shorten(5s);
  CHECK(deadline.at() == start + 4s);
  deadline.step_done(start + 10s);
  CHECK(deadline.at() == start + 12s);
}

TEST_CASE("step_deadline: the longest duration does not overflow") {
  step_deadline deadline(start, duration::max());
  CHECK(deadline.at() == time_point::max());
  deadline.step_done(start + 1s);
  CHECK(deadline.at() == time_point::max());
}

}  // namespace
}  // namespace rathole::test
