#include "support/check.hpp"
#include "support/layer_laws.hpp"
#include "support/tls_ends.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

using namespace rathole;

namespace {

// One end of a conversation.
struct end {
  explicit end(fuzz::botan_layer made) : layer(std::move(made)) { note(layer.start(wire)); }

  void note(const result<void>& done) {
    if (!done && !error) error = done.error();
  }
  void send(byte_view in) {
    if (error || in.empty() || closed || !can_send(layer.state())) return;
    sent.insert(sent.end(), in.begin(), in.end());
    note(layer.send(in, wire));
  }
  void close() {
    if (error || layer.state() == phase::handshaking) return;
    closed = true;
    note(layer.close(wire));
  }
  void pass(duration time) {
    now += time;
    if (!error) note(layer.poll(now, wire));
  }

  fuzz::botan_layer layer;
  byte_buffer wire;
  byte_buffer app;
  std::vector<std::uint8_t> sent;
  std::error_code error;
  time_point now{std::chrono::hours(1)};
  bool closed = false;
};

// Brings octets to the other end, in pieces, and perhaps one of them changed; true if it was.
bool deliver(end& from, end& to, fuzz::script& in) {
  byte_buffer octets;
  octets.swap(from.wire);
  const byte_span all = octets.data();
  const std::size_t place = in.octet() * 256u + in.octet();
  const std::uint8_t change = in.octet();
  const std::size_t piece = 1u + 16u * in.octet();
  const bool changes = change != 0 && place < all.size();
  if (changes) all[place] ^= change;
  for (byte_view rest = all; !rest.empty() && !to.error;) {
    const byte_view part = rest.first(std::min(piece, rest.size()));
    to.note(to.layer.receive(part, to.app, to.wire));
    rest = rest.subspan(part.size());
  }
  return changes;
}

void converse(fuzz::script& in) {
  end client(fuzz::make_tls_client());
  end server(fuzz::make_tls_server());
  bool changed = false;
  while (!in.empty()) {
    end& one = in.flag() ? client : server;
    end& other = &one == &client ? server : client;
    switch (in.below(5)) {
      case 0: one.send(in.octets()); break;
      case 1: one.close(); break;
      case 2: one.pass(in.time()); break;
      default: changed = deliver(one, other, in) || changed; break;
    }
  }
  // Nothing arrives that was not sent, and nobody fails for no reason.
  const auto arrived = [](const end& from, const end& to) {
    const byte_view got = to.app.data();
    return got.size() <= from.sent.size() && std::equal(got.begin(), got.end(), from.sent.begin());
  };
  fuzz::check(arrived(client, server) && arrived(server, client));
  fuzz::check(changed || (!client.error && !server.error));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::script in(data, size);
  switch (in.below(3)) {
    case 0: fuzz::check_layer(fuzz::make_tls_server, in); break;
    case 1: fuzz::check_layer(fuzz::make_tls_client, in); break;
    default: converse(in); break;
  }
  return 0;
}
