"""What is measured. Each scenario runs one contender once and gives a value for each metric."""

import json
import os
import re
import socket
import time

from . import udp
from .processes import Failed, connect, run
from .services import program, start_iperf3
from .statistics import percentile

IDLE_VISITORS = 1000


class Metric:
    def __init__(self, key, title, unit, better):
        self.key, self.title, self.unit, self.better = key, title, unit, better


class Bench:
    """What a scenario may use: a started tunnel, a folder, ports of the services, seconds."""

    def __init__(self, folder, ports, services, seconds):
        self.folder, self.ports, self.services, self.seconds = folder, ports, services, seconds


# ---- bulk TCP

def iperf3_result(text):
    """(bits per second, bytes) that the receiver saw, from the output of `iperf3 -J`."""
    told = json.loads(text)
    if "sum_received" not in told["end"]:
        raise Failed(f"iperf3 said: {told.get('error', text[-400:])}")
    received = told["end"]["sum_received"]
    return received["bits_per_second"], received["bytes"]


def bulk(options):
    def measure(bench, contender):
        port = bench.ports.take()
        server = start_iperf3(bench.folder, port)
        tunnel = None
        try:
            tunnel = contender.start(bench.folder, bench.ports,
                                     {"echo": bench.services["echo"], "iperf": port})
            tunnel.wait_ready()
            before = tunnel.cpu_seconds()
            text = run([program("iperf3"), "-c", "127.0.0.1", "-p", str(tunnel.entries["iperf"]),
                        "-J", "-t", str(bench.seconds), *options], bench.seconds + 20)
            spent = tunnel.cpu_seconds() - before
            rate, size = iperf3_result(text)
            out = {"rate": rate / 1e9}
            if tunnel.processes:
                out["cpu"] = spent / (size / 1e9)
            return out
        except Failed as failure:
            raise Failed(f"{failure}\n{tunnel.logs() if tunnel else ''}") from None
        finally:
            if tunnel:
                tunnel.end()
            server.end()
    return measure


# ---- HTTP

def wrk_seconds(text):
    """Seconds of a time as wrk prints it: 12.30us, 1.20ms, 2.00s, 1.10m."""
    found = re.fullmatch(r"([\d.]+)(us|ms|s|m|h)", text)
    if not found:
        raise Failed(f"wrk tells a time of {text}")
    return float(found[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}[found[2]]


def wrk_result(text):
    """Requests, requests per second, p50 and p99 in seconds, and errors, from the output of wrk."""
    def find(pattern):
        found = re.search(pattern, text)
        if not found:
            raise Failed(f"wrk said:\n{text}")
        return found[1]
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return {"requests": int(find(r"(\d+) requests in")),
            "rate": float(find(r"Requests/sec:\s+([\d.]+)")),
            "p50": wrk_seconds(find(r"\n +50% +(\S+)")), "p99": wrk_seconds(find(r"\n +99% +(\S+)")),
            "errors": sum(int(one) for one in errors.groups()) if errors else 0,
            "bad": int(bad[1]) if bad else 0}


def http(headers, connections=50):
    def measure(bench, contender):
        tunnel = contender.start(bench.folder, bench.ports, {"echo": bench.services["echo"],
                                                            "web": bench.services["web"]})
        try:
            tunnel.wait_ready()
            before = tunnel.cpu_seconds()
            text = run([program("wrk"), "-t2", f"-c{connections}", f"-d{bench.seconds}s",
                        "--latency", "--timeout", "10s", *headers,
                        f"http://127.0.0.1:{tunnel.entries['web']}/"], bench.seconds + 30)
            spent = tunnel.cpu_seconds() - before
            got = wrk_result(text)
            if got["bad"] or got["errors"] > got["requests"] // 1000:
                raise Failed(f"{got['errors']} socket errors and {got['bad']} bad answers "
                             f"among {got['requests']} requests")
            out = {"rate": got["rate"], "p50": got["p50"] * 1e3, "p99": got["p99"] * 1e3}
            if tunnel.processes:
                out["cpu"] = spent / got["requests"] * 10000
            return out
        except Failed as failure:
            raise Failed(f"{failure}\n{tunnel.logs()}") from None
        finally:
            tunnel.end()
    return measure


# ---- one visitor at a time

def first_byte(bench, contender):
    """From connect(2) to the first byte of the answer, for visitors one after the other."""
    with_tunnel = contender.start(bench.folder, bench.ports, {"echo": bench.services["echo"]})
    try:
        with_tunnel.wait_ready()
        port = with_tunnel.entries["echo"]
        times = []
        end = time.monotonic() + bench.seconds
        while time.monotonic() < end and len(times) < 2000:
            begin = time.perf_counter()
            with socket.create_connection(("127.0.0.1", port), 10) as visitor:
                visitor.sendall(b"?")
                if visitor.recv(1) != b"?":
                    raise Failed("a visitor got no answer")
                times.append(time.perf_counter() - begin)
        return {"p50": percentile(times, 0.5) * 1e6, "p99": percentile(times, 0.99) * 1e6}
    except (Failed, OSError) as failure:
        raise Failed(f"{failure}\n{with_tunnel.logs()}") from None
    finally:
        with_tunnel.end()


# ---- memory

def settled(tunnel, seconds=3):
    """The memory once it did not change for 0.3 s, or after `seconds`."""
    deadline = time.monotonic() + seconds
    last, since = tunnel.memory(), time.monotonic()
    while time.monotonic() < deadline and time.monotonic() - since < 0.3:
        time.sleep(0.05)
        now = tunnel.memory()
        if now != last:
            last, since = now, time.monotonic()
    return last


def memory(bench, contender):
    """Of all processes of the tunnel, once a visitor was served, then with idle visitors."""
    tunnel = contender.start(bench.folder, bench.ports, {"echo": bench.services["echo"]})
    visitors = []
    try:
        tunnel.wait_ready()
        idle = settled(tunnel)
        for number in range(IDLE_VISITORS):
            visitor = connect(tunnel.entries["echo"], 10)
            visitors.append(visitor)
            visitor.sendall(b"?")
            if visitor.recv(1) != b"?":
                raise Failed(f"visitor {number} got no answer")
        loaded = settled(tunnel)
        return {"idle": idle[0] / 1024, "idle_rss": idle[1] / 1024,
                "loaded": loaded[0] / 1024, "loaded_rss": loaded[1] / 1024}
    except (Failed, OSError) as failure:
        raise Failed(f"{failure}\n{tunnel.logs()}") from None
    finally:
        for visitor in visitors:
            visitor.close()
        tunnel.end()


# ---- start-up, size

def start_up(bench, contender):
    """From the exec of the server to the answer to the first visitor."""
    begin = time.perf_counter()
    tunnel = contender.start(bench.folder, bench.ports, {"echo": bench.services["echo"]})
    try:
        tunnel.wait_ready()
        return {"time": (time.perf_counter() - begin) * 1e3}
    finally:
        tunnel.end()


def size(bench, contender):
    return {"size": sum(os.path.getsize(path) for path in contender.programs) / 2**20}


class Scenario:
    def __init__(self, key, measure, metrics, needs_tunnel=False, once=False, datagram=0):
        self.key, self.measure, self.metrics = key, measure, metrics
        self.needs_tunnel, self.once, self.datagram = needs_tunnel, once, datagram

    def suits(self, contender):
        """Whether a contender can do this; `datagram` is the least payload that it must carry."""
        if self.needs_tunnel and not contender.programs:
            return False
        return self.datagram <= contender.datagram


def bulk_metrics(title):
    return [Metric("rate", title, "Gbit/s", "higher"),
            Metric("cpu", f"{title}: CPU", "s/GB", "lower")]


def http_metrics(title):
    return [Metric("rate", title, "1/s", "higher"),
            Metric("p50", f"{title}: p50", "ms", "lower"),
            Metric("p99", f"{title}: p99", "ms", "lower"),
            Metric("cpu", f"{title}: CPU", "s/10,000", "lower")]


def datagram_metrics(title):
    return [Metric("rate", title, "1/s", "higher"),
            Metric("loss", f"{title}: loss", "%", "lower"),
            Metric("cpu", f"{title}: CPU", "s/1,000,000", "lower")]


SCENARIOS = [
    Scenario("bulk", bulk([]), bulk_metrics("bulk, visitor to service")),
    Scenario("bulk-reverse", bulk(["-R"]), bulk_metrics("bulk, service to visitor")),
    Scenario("bulk-8", bulk(["-P", "8"]), bulk_metrics("bulk, 8 streams")),
    Scenario("http", http([]), http_metrics("HTTP keep-alive requests")),
    Scenario("http-new", http(["-H", "Connection: close"]), http_metrics("HTTP new connections")),
    Scenario("first-byte", first_byte, [
        Metric("p50", "connect to first byte: median", "us", "lower"),
        Metric("p99", "connect to first byte: p99", "us", "lower")]),
    Scenario("udp-saturation", udp.saturation(1200),
             datagram_metrics("UDP, visitor to service, 1,200 bytes"), datagram=1200),
    Scenario("udp-reverse", udp.saturation(1200, "reverse"),
             datagram_metrics("UDP, service to visitor, 1,200 bytes"), datagram=1200),
    Scenario("udp-small", udp.saturation(64), datagram_metrics("UDP, 64 bytes"), datagram=64),
    Scenario("udp-large", udp.large, [
        Metric(f"rate-{size}", f"UDP, {size:,} bytes", "Gbit/s", "higher")
        for size in udp.LARGE], datagram=udp.LARGE[0]),
    Scenario("udp-rates", udp.rates, [
        *(Metric(f"loss-{udp.rate_name(rate)}", f"UDP, {rate:,} a second: loss", "%", "lower")
          for rate in udp.RATES),
        Metric("cpu", f"UDP, {udp.RATES[0]:,} a second: CPU", "s/1,000,000", "lower")],
        datagram=1200),
    Scenario("udp-rtt", udp.round_trips, [
        Metric("p50", "UDP, there and back: median", "us", "lower"),
        Metric("p99", "UDP, there and back: p99", "us", "lower")], datagram=1200),
    Scenario("memory", memory, [
        Metric("idle", "anonymous memory, idle", "MiB", "lower"),
        Metric("idle_rss", "resident memory, idle", "MiB", "lower"),
        Metric("loaded", f"anonymous memory, {IDLE_VISITORS:,} idle visitors", "MiB", "lower"),
        Metric("loaded_rss", f"resident memory, {IDLE_VISITORS:,} idle visitors", "MiB", "lower")],
        needs_tunnel=True),
    Scenario("start-up", start_up, [Metric("time", "start to first visitor", "ms", "lower")],
             needs_tunnel=True),
    Scenario("size", size, [Metric("size", "size of the programs", "MiB", "lower")],
             needs_tunnel=True, once=True),
]
