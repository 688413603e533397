#pragma once

#include <rathole/admin/histogram.hpp>
#include <rathole/admin/process_statistics.hpp>
#include <rathole/admin/service_statistics.hpp>
#include <rathole/admin/snapshot.hpp>
#include <rathole/version.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace rathole::admin {

/// The media type of the metrics.
inline constexpr std::string_view metrics_type = "text/plain; version=0.0.4; charset=utf-8";

/// Writes metrics in the text format of Prometheus, version 0.0.4.
class metrics_writer {
 public:
  /// The names and values of labels.
  using labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  /// Begins the metric `name` of the type `type`, whose samples follow.
  void begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    put({"# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n"});
  }

  /// Writes a sample of the present metric, whose name gets `suffix`.
  void sample(labels with, double value, std::string_view suffix = {}) {
    put({name_, suffix});
    if (with.size() > 0) {
      char separator = '{';
      for (const auto& [name, text] : with) {
        out_ += std::exchange(separator, ',');
        put({name, "=\""});
        put_escaped(text);
        out_ += '"';
      }
      out_ += '}';
    }
    out_ += ' ';
    put_number(value);
    out_ += '\n';
  }

  /// Writes the samples of a histogram.
  template <class Histogram>
  void histogram_of(std::string_view service, const Histogram& values) {
    std::uint64_t sum = 0;
    const std::span<const std::uint64_t> counts = values.counts();
    for (std::size_t i = 0; i < counts.size(); ++i) {
      sum += counts[i];
      const bool is_last = i == counts.size() - 1;
      const std::string bound = is_last ? "+Inf" : number(Histogram::bounds()[i]);
      sample({{"service", service}, {"le", bound}}, static_cast<double>(sum), "_bucket");
    }
    sample({{"service", service}}, values.sum(), "_sum");
    sample({{"service", service}}, static_cast<double>(sum), "_count");
  }

  /// Returns the text so far, and begins again.
  std::string take() { return std::exchange(out_, {}); }

 private:
  static std::string number(double value) {
    std::array<char, 64> text;
    // Numbers that are whole are counters, which must not be rounded.
    const bool is_whole = std::abs(value) < 9.0e15 && std::floor(value) == value;
    const auto end = is_whole ? std::to_chars(text.data(), text.data() + text.size(),
                                              static_cast<std::int64_t>(value))
                              : std::to_chars(text.data(), text.data() + text.size(), value);
    return {text.data(), end.ptr};
  }

  void put(std::initializer_list<std::string_view> parts) {
    for (const std::string_view each : parts) out_ += each;
  }
  void put_number(double value) { out_ += number(value); }
  void put_escaped(std::string_view text) {
    for (const char c : text) {
      if (c == '\n') {
        out_ += "\\n";
        continue;
      }
      if (c == '"' || c == '\\') out_ += '\\';
      out_ += c;
    }
  }

  std::string out_;
  std::string_view name_;
};

namespace detail {

/// Returns a time in seconds since 1970.
inline double unix_time(std::chrono::system_clock::time_point at) {
  return std::chrono::duration<double>(at.time_since_epoch()).count();
}

/// Writes a metric with one sample for each service: what `value` returns for it.
template <class F>
void write_each(metrics_writer& out, const snapshot& of, std::string_view name,
                std::string_view type, std::string_view help, F value) {
  out.begin(name, type, help);
  for (const auto& each : of.services) {
    out.sample({{"service", each.name}}, static_cast<double>(value(each)));
  }
}

/// Writes a counter with one sample for each service and each of `names`, which label it as `label`.
template <std::size_t N, class F>
void write_by(metrics_writer& out, const snapshot& of, std::string_view name, std::string_view help,
              std::string_view label, const std::array<std::string_view, N>& names, F counts) {
  out.begin(name, "counter", help);
  for (const auto& each : of.services) {
    const std::array<std::uint64_t, N> values = counts(each);
    for (std::size_t i = 0; i < N; ++i) {
      out.sample({{"service", each.name}, {label, names[i]}}, static_cast<double>(values[i]));
    }
  }
}

/// Writes for each service of a client whether each of its servers serves it.
inline void write_servers(metrics_writer& out, const snapshot& of) {
  const auto has_none = [](const auto& each) { return each.servers.empty(); };
  if (std::ranges::all_of(of.services, has_none)) return;
  out.begin("rathole_service_server_up", "gauge", "Whether the server serves the service.");
  for (const auto& each : of.services) {
    for (const server_statistics& one : each.servers) {
      out.sample({{"service", each.name}, {"server", one.server}},
                 one.state == server_statistics::activity::up ? 1 : 0);
    }
  }
}

inline void write_services(metrics_writer& out, const snapshot& of) {
  using service = service_statistics;
  static constexpr std::array<std::string_view, 2> directions{"received", "sent"};
  write_each(out, of, "rathole_service_up", "gauge",
             "Whether visitors of the service can be served.",
             [](const service& each) { return each.is_up() ? 1 : 0; });
  write_each(out, of, "rathole_service_addresses_down", "gauge",
             "Addresses that a server cannot bind, or local addresses of a client that are down.",
             [](const service& each) { return each.down_addresses().size(); });
  write_servers(out, of);
  write_each(out, of, "rathole_visitors_total", "counter", "TCP visitors that were forwarded.",
             [](const service& each) { return each.total; });
  write_by(out, of, "rathole_visitors_refused_total", "Visitors that were refused.", "reason",
           refusal_reason_names, [](const service& each) { return each.refused; });
  write_each(out, of, "rathole_connections_active", "gauge", "TCP connections that are forwarded.",
             [](const service& each) { return each.active; });
  write_by(out, of, "rathole_bytes_total", "Bytes of TCP connections, from and to visitors.",
           "direction", directions, [](const service& each) {
             return std::array<std::uint64_t, 2>{each.received, each.sent};
           });
  out.begin("rathole_connection_duration_seconds", "histogram", "How long TCP connections lasted.");
  for (const service& each : of.services) out.histogram_of(each.name, each.lasted);
  write_by(out, of, "rathole_reconnects_total",
           "Control channels that ended or could not be established.", "cause",
           reconnect_cause_names, [](const service& each) { return each.reconnects; });
  write_each(out, of, "rathole_udp_visitors", "gauge", "UDP visitors that are remembered.",
             [](const service& each) { return each.udp_visitors; });
  const bool is_server = of.is_server;
  write_by(out, of, "rathole_udp_datagrams_total", "Datagrams, from and to visitors.", "direction",
           directions, [is_server](const service& each) {
             const auto& of_tunnel = each.datagrams;
             // A server sends into the tunnel what it receives from visitors.
             return is_server ? std::array{of_tunnel.sent, of_tunnel.received}
                              : std::array{of_tunnel.received, of_tunnel.sent};
           });
  static constexpr std::array<std::string_view, 6> losses{
      "queue_full", "refused", "unknown_visitor", "denied", "address_limit", "rate"};
  write_by(out, of, "rathole_udp_dropped_total", "Datagrams that were lost on this side.", "cause",
           losses, [](const service& each) {
             const auto& lost = each.datagrams;
             return std::array{lost.queue_full,         lost.refused,
                               lost.unknown_visitor,    lost.denied,
                               lost.over_address_limit, lost.over_rate};
           });
  write_each(out, of, "rathole_udp_visitors_evicted_total", "counter",
             "UDP visitors that were forgotten to make room for others.",
             [](const service& each) { return each.datagrams.evicted; });
  if (!of.is_server) return;
  write_each(out, of, "rathole_clients", "gauge", "Clients that serve the service.",
             [](const service& each) { return each.clients.size(); });
  write_each(out, of, "rathole_clients_refused_total", "counter",
             "Clients that were refused because the service takes no more.",
             [](const service& each) { return each.clients_refused; });
  write_each(out, of, "rathole_visitors_failed_over_total", "counter",
             "Visitors that got another client, because one did not serve them.",
             [](const service& each) { return each.failed_over; });
  out.begin("rathole_visitor_wait_seconds", "histogram",
            "How long visitors waited for a data channel.");
  for (const service& each : of.services) out.histogram_of(each.name, each.waited);
  write_each(out, of, "rathole_pool_idle", "gauge", "Data channels that wait for visitors.",
             [](const service& each) { return each.idle; });
  write_each(out, of, "rathole_visitors_waiting", "gauge", "Visitors that wait for data channels.",
             [](const service& each) { return each.waiting; });
}

inline void write_process(metrics_writer& out, const process_statistics& of) {
  const auto gauge = [&out](std::string_view name, std::string_view help, double value) {
    out.begin(name, "gauge", help);
    out.sample({}, value);
  };
  out.begin("process_cpu_seconds_total", "counter", "Processor time, of user and system.");
  out.sample({}, of.cpu_seconds);
  gauge("process_resident_memory_bytes", "Resident memory.", of.resident_bytes);
  gauge("process_virtual_memory_bytes", "Virtual memory.", of.virtual_bytes);
  gauge("process_open_fds", "Open file descriptors.", of.open_descriptors);
  gauge("process_max_fds", "The limit of open file descriptors.", of.max_descriptors);
  gauge("process_threads", "Threads.", of.threads);
  gauge("process_start_time_seconds", "When the process started, in seconds since 1970.",
        of.start_seconds);
}

}  // namespace detail

/// Returns the metrics of the program in the text format of Prometheus. Labels are names of services
/// and words of this program, never addresses.
inline std::string metrics_text(const snapshot& of, const process_statistics& process) {
  metrics_writer out;
  const auto one = [&out](std::string_view name, std::string_view type, std::string_view help,
                          double value) {
    out.begin(name, type, help);
    out.sample({}, value);
  };
  out.begin("rathole_build_info", "gauge", "The version and the mode of the program.");
  out.sample({{"version", version}, {"mode", of.is_server ? "server" : "client"}}, 1);
  one("rathole_start_time_seconds", "gauge", "When the program started, in seconds since 1970.",
      detail::unix_time(of.started));
  one("rathole_ready", "gauge", "Whether the program is ready; see /readyz.",
      of.unready.empty() ? 1 : 0);
  one("rathole_draining", "gauge", "Whether new visitors are refused.",
      of.state == program_state::draining ? 1 : 0);
  out.begin("rathole_reloads_total", "counter", "Reloads of the configuration.");
  const program_counters& counters = of.counters;
  out.sample({{"result", "applied"}}, static_cast<double>(counters.reloads_applied));
  out.sample({{"result", "invalid"}}, static_cast<double>(counters.reloads_invalid));
  out.sample({{"result", "failed"}}, static_cast<double>(counters.reloads_failed));
  one("rathole_config_last_reload_successful", "gauge",
      "Whether the configuration on the disk is the one in use.",
      counters.is_last_reload_good ? 1 : 0);
  if (of.is_server) {
    out.begin("rathole_handshakes_total", "counter", "Connections of clients to the server.");
    out.sample({{"result", "ok"}}, static_cast<double>(counters.handshakes_ok));
    out.sample({{"result", "failed"}}, static_cast<double>(counters.handshakes_failed));
    out.sample({{"result", "refused"}}, static_cast<double>(counters.handshakes_refused));
  }
  detail::write_services(out, of);
  detail::write_process(out, process);
  return out.take();
}

}  // namespace rathole::admin
