#!/usr/bin/env python3
"""Measures what clients of the admin API cost visitors: the time of a visit without and with them.

  admin_load.py [PROGRAM] [--silent N] [--readers N] [--rounds N] [--visits N]

The clients are connections that never send a request, to each side, and readers of events that never read.
Rounds without and with them take turns on the same two programs.
"""

import argparse
import contextlib
import os
import resource
import socket
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True

from harness import contenders  # noqa: E402
from harness.processes import Ports, connect  # noqa: E402
from harness.visits import percentiles, table  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", default=f"{ROOT}/build/release/rathole")
    parser.add_argument("--silent", type=int, default=2000, help="connections without a request")
    parser.add_argument("--readers", type=int, default=32, help="readers of events that do not read")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--visits", type=int, default=4000, help="in each round")
    return parser.parse_args()


class Echo(threading.Thread):
    """A local service that returns one message of each connection."""

    def __init__(self):
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self._listener.getsockname()[1]

    def run(self):
        while True:
            visitor, _ = self._listener.accept()
            with visitor, contextlib.suppress(ConnectionError):
                visitor.sendall(visitor.recv(64))


def visits(port, count):
    """Returns the times of visits in milliseconds, sorted."""
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        with connect(port) as visitor:
            visitor.sendall(b"?")
            if visitor.recv(1) != b"?":
                sys.exit("a visitor was not served")
        times.append((time.perf_counter() - begun) * 1000)
    return sorted(times)


def besiege(ports, silent, readers):
    """Returns connections to the admin APIs at `ports`."""
    out = []
    for port in ports:
        for _ in range(readers):
            reader = socket.socket()
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.connect(("127.0.0.1", port))
            reader.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            out.append(reader)
        out += [connect(port) for _ in range(silent)]
    return out


def main():
    options = arguments()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    ports, echo = Ports(), Echo()
    echo.start()
    apis = [ports.take(), ports.take()]
    tables = [f'[{side}.admin]\nbind_addr = "127.0.0.1:{port}"\n'
              for side, port in zip(("server", "client"), apis)]
    tunnel_of = contenders.Rathole("ours", os.path.abspath(options.program), tuple(tables))
    rows = {"without": [], "with": []}
    with tempfile.TemporaryDirectory() as folder:
        tunnel = tunnel_of.start(folder, ports, {"echo": echo.port})
        try:
            tunnel.wait_ready()
            visits(tunnel.entries["echo"], options.visits // 4)
            for _ in range(options.rounds):
                for name in rows:
                    held = besiege(apis, options.silent, options.readers) if name == "with" else []
                    times = visits(tunnel.entries["echo"], options.visits)
                    rows[name].append(percentiles(times))
                    for each in held:
                        each.close()
            anonymous, _ = tunnel.memory()
        finally:
            tunnel.end()
            ports.release()
    print(table(f"{options.silent} silent connections and {options.readers} readers on each side", rows))
    print(f"\nAnonymous memory of both programs at the end: {anonymous} KiB")


if __name__ == "__main__":
    main()
