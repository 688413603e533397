#!/usr/bin/env python3
"""Cuts, kills and confuses a tunnel in network namespaces, and measures how soon it serves again.

Needs root, iproute2, nftables and conntrack. docs/testing.md says what is done and expected.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import time

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(ROOT + "/bench")

import traffic  # noqa: E402
from harness import transports  # noqa: E402
from harness.processes import Failed  # noqa: E402
from namespaces import SERVER, Network  # noqa: E402
from programs import Program  # noqa: E402

HEARTBEAT_INTERVAL = 1
HEARTBEAT_TIMEOUT = 2
USER_TIMEOUT = 2
RETRY_INTERVAL = 1
# The longest time from the recovery of the network, or the start of a program, until visitors are
# served.
ALLOWED = RETRY_INTERVAL + 2
# How long a visitor retries before the tunnel counts as not recovered.
TIME_LIMIT = 60
TCP_PORT = 5201
UDP_PORT = 5202
# Pipes that a thread keeps for its next bulk transfer (io/relay/pipe_pool.hpp), two descriptors
# each.
STOCK_OF_PIPES = 2 * 32

SERVER_FILE = """
[server]
bind_addr = "{server}:2333"
default_token = "chaos"
heartbeat_interval = {interval}
[server.transport.tcp]
keepalive_secs = 5
keepalive_interval = 1
user_timeout = {user}
[server.services.tcp]
bind_addr = "127.0.0.1:{tcp}"
idle_timeout = 15
half_close_timeout = 5
"""
CLIENT_FILE = """
[client]
remote_addr = "{server}:2333"
default_token = "chaos"
heartbeat_timeout = {timeout}
retry_interval = {retry}
[client.transport.tcp]
keepalive_secs = 5
keepalive_interval = 1
user_timeout = {user}
[client.services.tcp]
local_addr = "127.0.0.1:{tcp}"
idle_timeout = 15
half_close_timeout = 5
"""
UDP_SERVICE = """
[{side}.services.udp]
type = "udp"
{address} = "127.0.0.1:{udp}"
udp = {{ idle_timeout = 3 }}
"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the rathole that is client and server")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, help="of what happens when (default: by chance)")
    parser.add_argument("--transport", default="tcp", choices=["tcp", *transports.KINDS])
    parser.add_argument("--max-cut", type=float, default=60, metavar="SECONDS",
                        help="the longest cut (default: 60)")
    parser.add_argument("--faults", metavar="A,B", help="only these: " + ", ".join(FAULTS))
    parser.add_argument("--no-udp", dest="udp", action="store_false", help="no UDP service")
    parser.add_argument("--memory-slack", type=int, default=1024, metavar="KIB",
                        help="what anonymous memory may grow (default: 1024)")
    parser.add_argument("--log", default="info", help="RATHOLE_LOG of both programs")
    parser.add_argument("--json", metavar="FILE", help="where the summary goes")
    return parser.parse_args()


def say(text):
    print(text, flush=True)


class Tunnel:
    """Both programs in the network, the services behind them, and visits."""

    def __init__(self, options, network, folder):
        self._network = network
        self.udp = options.udp
        tables = ('[server.transport]\ntype = "tcp"\n', '[client.transport]\ntype = "tcp"\n')
        if options.transport != "tcp":
            transports.make_identity(folder)
            tables = transports.tables(options.transport, folder)
        self.programs = {}
        for side, text, table, address in (("server", SERVER_FILE, tables[0], "bind_addr"),
                                           ("client", CLIENT_FILE, tables[1], "local_addr")):
            text += UDP_SERVICE if options.udp else ""
            values = {"server": SERVER, "side": side, "address": address,
                      "interval": HEARTBEAT_INTERVAL, "timeout": HEARTBEAT_TIMEOUT,
                      "user": USER_TIMEOUT, "retry": RETRY_INTERVAL, "tcp": TCP_PORT, "udp": UDP_PORT}
            path = os.path.join(folder, side + ".toml")
            with open(path, "w") as file:
                file.write(text.format(**values) + table)
            command = network.command(side, os.path.abspath(options.program), "--" + side, path)
            self.programs[side] = Program(folder, side, command, {"RATHOLE_LOG": options.log})

    async def start_services(self):
        listening = self._network.socket("client", socket.SOCK_STREAM)
        listening.bind(("127.0.0.1", TCP_PORT))
        bound = self._network.socket("client", socket.SOCK_DGRAM)
        bound.bind(("127.0.0.1", UDP_PORT))
        self._services = (await traffic.start_tcp_echo(listening),
                          await traffic.start_udp_echo(bound))

    async def connect(self):
        loop = asyncio.get_running_loop()
        connection = self._network.socket("server", socket.SOCK_STREAM)
        try:
            await loop.sock_connect(connection, ("127.0.0.1", TCP_PORT))
        except BaseException:
            connection.close()
            raise
        return connection

    async def visit_tcp(self, size=64):
        """Whether a fresh visitor gets its bytes back."""
        connection = None
        try:
            connection = await self.connect()
            return await traffic.round_trip(connection, size)
        except OSError:
            return False
        finally:
            if connection:
                traffic.hang_up(connection)

    async def visit_udp(self):
        """Whether a datagram of a fresh visitor comes back."""
        loop = asyncio.get_running_loop()
        with self._network.socket("server", socket.SOCK_DGRAM) as visitor:
            visitor.connect(("127.0.0.1", UDP_PORT))
            question = os.urandom(64)
            try:
                await loop.sock_sendall(visitor, question)
                return await loop.sock_recv(visitor, 2048) == question
            except OSError:  # nobody listens
                return False

    def visits(self):
        return {"tcp": self.visit_tcp} | ({"udp": self.visit_udp} if self.udp else {})


async def first_success(visit, time_limit, pause=0.1):
    """When the first of many visitors was served, who come one after another and wait indefinitely;
    None if nobody was."""
    end = time.monotonic() + time_limit
    pending = set()
    try:
        while time.monotonic() < end:
            pending.add(asyncio.create_task(visit()))
            done, pending = await asyncio.wait(pending, timeout=pause,
                                               return_when=asyncio.FIRST_COMPLETED)
            if any(each.result() for each in done):
                return time.monotonic()
            if done:
                await asyncio.sleep(pause)
        return None
    finally:
        for each in pending:
            each.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


class Happened:
    """A fault that is over."""

    def __init__(self, began, back, restarted=None):
        self.lasted = back - began
        # When the network, or the program, was available again.
        self.back = back
        # The program that was restarted.
        self.restarted = restarted


# Faults: each causes one and returns a `Happened`.

CUTS = {
    "client-link": lambda net, on: net.set_link("client", "uplink", on),
    "router-inside": lambda net, on: net.set_link("router", "inside", on),
    "router-outside": lambda net, on: net.set_link("router", "outside", on),
    "server-link": lambda net, on: net.set_link("server", "uplink", on),
    "black-hole": lambda net, on: net.black_hole(*([] if on else ["inside", "outside"])),
    "black-hole-to-server": lambda net, on: net.black_hole(*([] if on else ["inside"])),
    "black-hole-to-client": lambda net, on: net.black_hole(*([] if on else ["outside"])),
}


def cut(name):
    async def happen(soak):
        length = soak.cut_length()
        began = time.monotonic()
        CUTS[name](soak.network, False)
        await asyncio.sleep(length)
        CUTS[name](soak.network, True)
        return Happened(began, time.monotonic())
    return happen


def kill(side):
    async def happen(soak):
        soak.tunnel.programs[side].kill()
        await asyncio.sleep(soak.rng.choice([0, 0.5, 3]))
        soak.tunnel.programs[side].start()
        now = time.monotonic()
        return Happened(now, now, side)
    return happen


def kill_in_the_dark(side):
    """Kills the program while the network is cut, so that the other side does not notice."""
    async def happen(soak):
        length = soak.cut_length()
        began = time.monotonic()
        soak.network.black_hole("inside", "outside")
        await asyncio.sleep(length / 2)
        soak.tunnel.programs[side].kill()
        soak.tunnel.programs[side].start()
        await asyncio.sleep(length / 2)
        soak.network.black_hole()
        return Happened(began, time.monotonic(), side)
    return happen


def forget(**how):
    async def happen(soak):
        soak.network.forget_mappings(**how)
        now = time.monotonic()
        return Happened(now, now)
    return happen


async def change_address(soak):
    soak.network.change_client_address()
    now = time.monotonic()
    return Happened(now, now)


FAULTS = {name: cut(name) for name in CUTS} | {
    "kill-server": kill("server"),
    "kill-client": kill("client"),
    "kill-server-in-the-dark": kill_in_the_dark("server"),
    "kill-client-in-the-dark": kill_in_the_dark("client"),
    "nat-forgets": forget(),
    "nat-refuses": forget(refusing=True),
    "nat-moves": forget(other_address=True),
    "client-moves": change_address,
}


class Soak:
    def __init__(self, options, network, tunnel, seed):
        self.network, self.tunnel = network, tunnel
        self.rng = random.Random(seed)
        self._longest = options.max_cut
        self._faults = options.faults.split(",") if options.faults else list(FAULTS)
        self._rounds = options.rounds
        self._slack = options.memory_slack
        self._bases = {}
        self.rounds = []
        self.violations = []

    def cut_length(self):
        """More short ones than long ones."""
        return min(1, self._longest) * (max(1, self._longest) ** self.rng.random())

    async def run(self):
        await self.tunnel.start_services()
        self.tunnel.programs["server"].start()
        self.tunnel.programs["client"].start()
        for name, visit in self.tunnel.visits().items():
            if await first_success(visit, TIME_LIMIT) is None:
                raise Failed(f"no {name} visitor was ever served")
        for side in self.tunnel.programs:
            self._bases[side] = await self._at_rest(side)
        say(f"at the start: {self._bases}")
        order = []
        for number in range(1, self._rounds + 1):
            if not order:  # each once before any comes twice
                order = self.rng.sample(self._faults, len(self._faults))
            await self._round(number, order.pop())
        return await self._compare()

    async def _round(self, number, name):
        try:
            held = await self._hold()
        except (OSError, asyncio.TimeoutError) as error:
            raise Failed(f"a visitor between two rounds was not served: {error!r}") from None
        fault = await FAULTS[name](self)
        back = fault.back
        served = await asyncio.gather(*(
            first_success(visit, back + TIME_LIMIT - time.monotonic())
            for visit in self.tunnel.visits().values()))
        row = {"round": number, "fault": name, "fault_lasted": round(fault.lasted, 3),
               "limit_since_back": ALLOWED}
        told = []
        for kind, when in zip(self.tunnel.visits(), served):
            row[kind + "_since_back"] = when and round(when - back, 3)
            told.append(f"{kind} " + ("never" if when is None else f"{when - back:.2f} s"))
            if when is None or when > back + ALLOWED:
                self._violation(number, name, told[-1])
        self.rounds.append(row)
        say(f"{number:3} {name:24} {fault.lasted:5.1f} s   " + "   ".join(told))
        await self._stays(number, name, back)
        for connection in held:
            traffic.hang_up(connection, self.rng.random() < 0.5)
        if fault.restarted:
            self._bases[fault.restarted] = await self._at_rest(fault.restarted)
        for side, program in self.tunnel.programs.items():
            if not program.runs():
                raise Failed(f"the {side} ended by itself")

    async def _hold(self):
        """Connections that stay open during a fault, with a word said on each."""
        held = []
        for _ in range(5):
            connection = await self.tunnel.connect()
            held.append(connection)
            if not await asyncio.wait_for(traffic.round_trip(connection), 10):
                raise Failed("a visitor got a wrong answer")
        return held

    async def _stays(self, number, name, back):
        """From then on nothing goes wrong any more."""
        await asyncio.sleep(max(0, back + ALLOWED - time.monotonic()))
        for kind, visit in self.tunnel.visits().items():
            for turn in range(10):
                try:
                    good = await asyncio.wait_for(visit(), 2)
                except asyncio.TimeoutError:
                    good = False
                if not good:
                    self._violation(number, name, f"{kind} visitor {turn + 1} afterwards not served")
                    break

    async def _at_rest(self, side):
        """A program's figures once it has seen some visitors and they are gone."""
        bulky = [self.tunnel.visit_tcp(1 << 20) for _ in range(5)]
        small = [visit() for visit in self.tunnel.visits().values() for _ in range(20)]
        await asyncio.wait_for(asyncio.gather(*bulky, *small), 30)
        last, since = None, time.monotonic()
        # Longer than a UDP visitor is remembered, and than a pool that has grown keeps its size (20 s).
        while time.monotonic() < since + 25:
            now = self.tunnel.programs[side].figures()
            if last is None or any(now[key] != last[key] for key in ("sockets", "files", "threads")):
                last, since = now, time.monotonic()
            await asyncio.sleep(0.1)
        return now

    async def _compare(self):
        """Whether in the end nothing is in use that was not at the start."""
        figures = {}
        for side, program in self.tunnel.programs.items():
            base = self._bases[side]
            deadline = time.monotonic() + 60
            while (wrong := self._grown(base, program.figures())) and time.monotonic() < deadline:
                await asyncio.sleep(0.2)
            figures[side] = {"start": base, "end": program.figures()}
            say(f"{side}: start {base}\n{side}: end   {figures[side]['end']}")
            for what in wrong:
                self._violation("end", side, what)
        return figures

    def _grown(self, base, now):
        wrong = [f"{key}: {now[key]}, at the start {base[key]}"
                 for key in ("sockets", "files", "threads") if now[key] != base[key]]
        if now["pipes"] > max(base["pipes"], STOCK_OF_PIPES * now["threads"]):
            wrong.append(f"pipes: {now['pipes']}, at the start {base['pipes']}")
        if now["anonymous"] > base["anonymous"] + self._slack:
            wrong.append(f"anonymous: {now['anonymous']} KiB, at the start {base['anonymous']}")
        return wrong

    def _violation(self, number, name, what):
        self.violations.append({"round": number, "fault": name, "what": what})
        say(f"VIOLATION in round {number}, {name}: {what}")


def soak(options, seed, folder):
    with contextlib.ExitStack() as stack:
        network = Network()
        stack.callback(network.end)
        tunnel = Tunnel(options, network, folder)
        for program in tunnel.programs.values():
            stack.callback(program.end)
        one = Soak(options, network, tunnel, seed)
        figures = None
        try:
            figures = asyncio.run(one.run())
        except Failed as failure:
            one.violations.append({"round": len(one.rounds) + 1, "fault": None, "what": str(failure)})
            say(f"FAILED: {failure}")
        if one.violations:
            for program in tunnel.programs.values():
                say(program.logs(40))
        return {"seed": seed, "transport": options.transport, "rounds": one.rounds,
                "figures": figures, "violations": one.violations}


def main():
    options = arguments()
    missing = [name for name in ("ip", "nft", "conntrack") if not shutil.which(name)]
    if missing or os.geteuid() != 0:
        sys.exit("chaos.py: needs root, iproute2, nftables and conntrack")
    unknown = [name for name in (options.faults or "").split(",") if name and name not in FAULTS]
    if unknown:
        sys.exit(f"chaos.py: no fault {', '.join(unknown)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an orderly end, as from the keyboard
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    say(f"replay with --seed {seed}")
    with tempfile.TemporaryDirectory(prefix="rathole-chaos-") as folder:
        summary = soak(options, seed, folder)
    text = json.dumps(summary, indent=1)
    if options.json:
        with open(options.json, "w") as file:
            file.write(text + "\n")
    slowest = {kind: max((row.get(f"{kind}_since_back") or 0 for row in summary["rounds"]),
                         default=0) for kind in ("tcp", "udp")}
    say(json.dumps({"rounds": len(summary["rounds"]), "violations": len(summary["violations"]),
                    "slowest_since_back": slowest, "allowed": ALLOWED, "seed": seed}))
    return 1 if summary["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
