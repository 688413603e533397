#pragma once

#include <rathole/config/problem.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/transport/layered.hpp>
#include <rathole/transport/missing_part.hpp>
#include <rathole/transport/multiplexed.hpp>
#include <rathole/transport/prepare.hpp>
#include <rathole/transport/proxied.hpp>
#include <rathole/transport/tcp.hpp>

#include <type_traits>
#include <utility>

namespace rathole::transport {

/// Calls `use` with the transport of a client in the runtime `runtime`, and returns its result. The
/// type of the transport depends on whether it has layers, and whether it multiplexes.
template <io::Runtime R, class F>
auto visit(const prepared_client& prepared, R runtime, F&& use)
    -> std::invoke_result_t<F, proxied<R>> {
  proxied<R> bare(std::move(runtime), prepared.options, prepared.proxy);
  const auto select = [&](auto next) {
    if (prepared.connections == 0) return std::forward<F>(use)(std::move(next));
    return std::forward<F>(use)(multiplexed(std::move(next), prepared.connections));
  };
  if (!prepared.layers) return select(std::move(bare));
  return select(layered(std::move(bare), client_layer_factory(prepared.kind, prepared.layers)));
}

/// Calls `use` with the transport of a server in the runtime `runtime`, and returns its result. The
/// type of the transport depends on whether it has layers.
template <io::Runtime R, class F>
auto visit(const prepared_server& prepared, R runtime, F&& use) -> std::invoke_result_t<F, tcp<R>> {
  tcp<R> bare(std::move(runtime), prepared.options);
  if (!prepared.layers) return std::forward<F>(use)(std::move(bare));
  return std::forward<F>(use)(
      layered(std::move(bare), any_layer_factory(prepared.kind, prepared.layers)));
}

}  // namespace rathole::transport
