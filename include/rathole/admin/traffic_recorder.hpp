#pragma once

#include <rathole/admin/backend.hpp>
#include <rathole/admin/service_table.hpp>
#include <rathole/admin/snapshot.hpp>
#include <rathole/admin/traffic_history.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/task.hpp>
#include <rathole/io/time/asio_timer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace rathole::admin {

/// Records the traffic of the last hour, of the program and of each service. It lives on the control plane.
class traffic_recorder {
 public:
  /// Makes an object that records nothing yet. It lives on `home`, and `of` must outlive it.
  traffic_recorder(const io::executor& home, const service_table& of) : of_(of), timer_(home) {}

  /// Begins to record.
  void start() { sample(); }
  /// Ends it.
  void stop() { timer_.disarm(); }

  /// Returns what was recorded.
  [[nodiscard]] traffic recent() const {
    traffic out;
    out.received = received_.values();
    out.sent = sent_.values();
    out.active = active_.values();
    for (const auto& [name, each] : services_) out.services.emplace_back(name, each.values());
    return out;
  }

 private:
  static constexpr std::chrono::seconds interval{10};
  static constexpr std::size_t samples_of_hour = 360;
  static constexpr std::size_t service_samples = 60;
  /// How many samples of the program one sample of a service covers.
  static constexpr unsigned samples_per_minute = 6;

  struct service_history : ring<std::uint64_t, service_samples> {
    admin::growth growth;
  };

  /// Records the traffic since the last call, and calls itself again later.
  void sample() {
    const connection_totals all = of_.totals();
    received_.add(received_growth_.since_last(all.received));
    sent_.add(sent_growth_.since_last(all.sent));
    active_.add(all.active);
    if (++samples_ % samples_per_minute == 0) sample_services();
    timer_.arm(clock::now() + interval, [this] { sample(); });
  }

  void sample_services() {
    std::map<std::string, service_history> next;
    for (const service_statistics& each : of_.services()) {
      auto held = services_.extract(each.name);
      service_history& history =
          held ? next.insert(std::move(held)).position->second : next[each.name];
      history.add(history.growth.since_last(each.received + each.sent));
    }
    services_ = std::move(next);
  }

  const service_table& of_;
  ring<std::uint64_t, samples_of_hour> received_;
  ring<std::uint64_t, samples_of_hour> sent_;
  ring<std::uint64_t, samples_of_hour> active_;
  growth received_growth_;
  growth sent_growth_;
  /// Of the services that there were when the last minute ended.
  std::map<std::string, service_history> services_;
  unsigned samples_ = 0;
  io::asio_timer timer_;
};

}  // namespace rathole::admin
