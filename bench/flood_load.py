#!/usr/bin/env python3
"""Measures what a flood of refused visitors from one address costs the visitors from others.

  flood_load.py [PROGRAM] [--rate N] [--rounds N] [--visits N]

The service has `new_connections_per_second = 10`. Rounds take turns on the same two programs: without a flood, with
one, and with the same flood at a bare listener that closes each connection, which shows what the flood costs on this
machine whoever receives it.
"""

import argparse
import multiprocessing
import os
import socket
import struct
import sys
import tempfile
import time

sys.dont_write_bytecode = True

from admin_load import Echo  # noqa: E402
from harness import contenders  # noqa: E402
from harness.processes import Ports, wait_until  # noqa: E402
from harness.visits import percentiles, table  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIMIT = "[server.services.echo.new_connections_per_second]\nrate = 10\nburst = 10\n"
FLOODING = "127.0.0.2"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", default=f"{ROOT}/build/release/rathole")
    parser.add_argument("--rate", type=int, default=5000, help="connections of the flood a second")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--visits", type=int, default=2000, help="in each round")
    return parser.parse_args()


def reset(connection):
    """Closes without a TIME_WAIT, in which so many connections from one address would keep all ports of it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def reset_all(listener):
    while True:
        reset(listener.accept()[0])


def flood(port, rate, made):
    """Connects from one address, in portions of 1 ms, and closes each connection at once."""
    due = time.perf_counter()
    while True:
        due += 0.001
        for _ in range(rate // 1000):
            try:
                reset(socket.create_connection(("127.0.0.1", port), 1, (FLOODING, 0)))
            except OSError:
                pass
            made.value += 1
        time.sleep(max(0, due - time.perf_counter()))


class Visitors:
    """Visitors of whom each has another address, so that none exceeds the rate."""

    def __init__(self, port):
        self._port, self._number = port, 0

    def times(self, count):
        """The times of visits in milliseconds, sorted."""
        times = []
        for _ in range(count):
            self._number += 1
            source = f"127.{1 + self._number // 60000}.{self._number // 250 % 240}.{1 + self._number % 250}"
            begun = time.perf_counter()
            with socket.create_connection(("127.0.0.1", self._port), 5, (source, 0)) as visitor:
                visitor.sendall(b"?")
                if visitor.recv(1) != b"?":
                    sys.exit("a visitor was not served")
            times.append((time.perf_counter() - begun) * 1000)
        return sorted(times)


def main():
    options = arguments()
    ports, echo = Ports(), Echo()
    echo.start()
    bare = socket.create_server(("127.0.0.1", 0), backlog=1024)
    closer = multiprocessing.Process(target=reset_all, args=(bare,), daemon=True)
    closer.start()
    tunnel_of = contenders.Rathole("ours", os.path.abspath(options.program), (LIMIT, ""))
    rows = {"no flood": [], "flood": [], "flood at a bare listener": []}
    made = multiprocessing.Value("q", 0)
    rates = {name: [] for name in rows}
    with tempfile.TemporaryDirectory() as folder:
        tunnel = tunnel_of.start(folder, ports, {"echo": echo.port})
        try:
            tunnel.wait_ready()
            visitors = Visitors(tunnel.entries["echo"])
            targets = {"flood": tunnel.entries["echo"], "flood at a bare listener": bare.getsockname()[1]}
            visitors.times(options.visits // 4)
            for _ in range(options.rounds):
                for name in rows:
                    flooding, before = None, made.value
                    if name in targets:
                        flooding = multiprocessing.Process(
                            target=flood, args=(targets[name], options.rate, made), daemon=True)
                        flooding.start()
                        wait_until(lambda: made.value - before >= options.rate // 10, 10, "there is no flood")
                        before, begun = made.value, time.perf_counter()
                    times = visitors.times(options.visits)
                    rows[name].append(percentiles(times))
                    if flooding:
                        rates[name].append((made.value - before) / (time.perf_counter() - begun))
                        flooding.terminate()
                        flooding.join()
        finally:
            tunnel.end()
            closer.terminate()
            ports.release()
    slowest = min(sum(each) / len(each) for each in rates.values() if each)
    print(table(f"flood of {slowest:.0f} connections a second", rows))


if __name__ == "__main__":
    main()
