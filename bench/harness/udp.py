"""UDP: a load of datagrams, as udp_load.cpp sends and counts them, through each contender."""

import json

from .processes import Failed, run

# The size of upstream's buffer; it truncates larger datagrams.
UPSTREAM = 2048
RATES = (10_000, 20_000, 40_000, 80_000)
# Datagrams per second; more than two cores, shared by sender, receiver and tunnel, can process.
TOO_MANY = 300_000
LARGE = (UPSTREAM, 8192, 65507)


def rate_name(rate):
    return f"{rate // 1000}k"


def load_result(text):
    """Datagrams per second that arrived in time, and the lost share of all in percent, from what
    udp_load said; Failed if anything came that was not sent, or twice."""
    told = json.loads(text)
    if told["wrong"] or told["twice"]:
        raise Failed(f"{told['wrong']} wrong datagrams and {told['twice']} that came twice")
    if not told["delivered"]:
        raise Failed(f"none of {told['offered']} datagrams arrived")
    return {"rate": told["in_time"] / told["seconds"], "delivered": told["delivered"],
            "loss": 100 * (1 - told["delivered"] / told["offered"])}


def run_load(bench, contender, options):
    """What udp_load says of a tunnel of its own, and the CPU seconds that the tunnel took."""
    port = bench.ports.take_udp()
    tunnel = contender.start(bench.folder, bench.ports, {"echo": bench.services["echo"]},
                             {"udp": port})
    try:
        tunnel.wait_ready()
        before = tunnel.cpu_seconds()
        text = run([bench.services["udp_load"], str(tunnel.entries["udp"]), str(port),
                    *(str(word) for pair in options.items() for word in pair)],
                   bench.seconds + 40)
        return text, tunnel.cpu_seconds() - before
    except Failed as failure:
        raise Failed(f"{failure}\n{tunnel.logs()}") from None
    finally:
        tunnel.end()


def saturation(size, mode="load"):
    """More datagrams than can be carried. Sent as fast as can be, they would keep the sender on a
    processor that the tunnel can make better use of."""
    def measure(bench, contender):
        text, spent = run_load(bench, contender, {"--mode": mode, "--size": size,
                                                  "--rate": TOO_MANY, "--seconds": bench.seconds})
        got = load_result(text)
        out = {"rate": got["rate"], "loss": got["loss"]}
        if contender.programs:
            out["cpu"] = spent / got["delivered"] * 1e6
        return out
    return measure


def rates(bench, contender):
    """A tunnel for each rate, so that none has to do with what is left of the one before."""
    out = {}
    for rate in RATES:
        text, spent = run_load(bench, contender, {"--rate": rate, "--seconds": bench.seconds})
        got = load_result(text)
        out[f"loss-{rate_name(rate)}"] = got["loss"]
        if rate == RATES[0] and contender.programs:
            out["cpu"] = spent / got["delivered"] * 1e6
    return out


def round_trips(bench, contender):
    text, _ = run_load(bench, contender, {"--mode": "rtt", "--seconds": bench.seconds})
    told = json.loads(text)
    if told["lost"] > told["answers"] // 1000:
        raise Failed(f"{told['lost']} questions without an answer, {told['answers']} with one")
    return {"p50": told["p50"], "p99": told["p99"]}


def large(bench, contender):
    """Gigabits per second of datagrams as large as a contender carries them."""
    out = {}
    for size in LARGE:
        if size <= contender.datagram:
            text, _ = run_load(bench, contender, {"--size": size, "--seconds": bench.seconds})
            out[f"rate-{size}"] = load_result(text)["rate"] * size * 8 / 1e9
    return out
