#!/usr/bin/env python3
"""Edits the files of a running server and client at random, while visitors of services that no edit
touches count their bytes. docs/testing.md says what is done and expected."""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import sys
import tempfile
import time

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(ROOT + "/bench")

import traffic  # noqa: E402
from api_edits import ApiEdits  # noqa: E402
from edits import EditedFile  # noqa: E402
from harness.processes import Failed, Ports  # noqa: E402
from programs import Program  # noqa: E402
from settings import EDITED, KINDS, Settings, broken  # noqa: E402
from visitors import DatagramVisitor, LongVisitor, ShortVisitor, answers, refuses  # noqa: E402

BACKENDS = 3
# How long after an edit a service may take to match the files.
TIME_LIMIT = 15
# Pipes that a thread keeps for its next bulk transfer (io/relay/pipe_pool.hpp), two descriptors
# each.
STOCK_OF_PIPES = 2 * 32


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the rathole that is client and server")
    parser.add_argument("--edits", type=int, default=500)
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--seed", type=int, help="of the edits (default: by chance)")
    parser.add_argument("--api", action="store_true",
                        help="change services through the admin API, and only the rest in the files")
    parser.add_argument("--workers", type=int, default=0,
                        help="threads of each side (default: one for each processor)")
    parser.add_argument("--seconds", type=float, default=5,
                        help="of traffic before the first and after the last edit (default: 5)")
    parser.add_argument("--memory-slack", type=int, default=1024, metavar="KIB",
                        help="what anonymous memory may grow (default: 1024)")
    parser.add_argument("--json", metavar="FILE", help="where the summary goes")
    return parser.parse_args()


def say(text):
    print(text, flush=True)


async def eventually(condition, seconds):
    """The seconds until `condition()` held; None if it did not in time."""
    begun = time.monotonic()
    while not await condition():
        if time.monotonic() - begun > seconds:
            return None
        await asyncio.sleep(0.02)
    return time.monotonic() - begun


class Soak:
    def __init__(self, options, folder, ports, seed):
        self._options = options
        self._rng = random.Random(seed)
        self._ports = ports
        self._folder = folder
        self._backends = {kind: {} for kind in KINDS}  # port: translation
        self._vacated = set()  # (kind, port) that a service had
        self.violations = []
        self.edits = []
        self.visitors = []
        self.figures = {}
        self.programs = {}

    async def run(self):
        await self._start_backends()
        self._settings = Settings(self._rng, self._ports.take(), self._ports.take,
                                  {kind: list(found) for kind, found in self._backends.items()},
                                  self._options.workers)
        self._initial = {side.name: side.copy() for side in self._sides()}
        # The expected settings of each program: its file's latest valid content.
        self._files = {}
        self._apis = {}
        for side in self._sides():
            folder = os.path.join(self._folder, side.name)
            os.mkdir(folder)
            if self._options.api:
                self._apis[side.name] = ApiEdits(self._ports.take())
                self._initial[side.name].values["admin"] = self._apis[side.name].settings
                side.values["admin"] = self._apis[side.name].settings
                os.mkdir(os.path.join(folder, "services.d"))
            file = EditedFile(folder, "rathole.toml", self._text(side))
            self._files[side.name] = file
            self.programs[side.name] = Program(
                self._folder, side.name,
                [os.path.abspath(self._options.program), "--" + side.name, file.path])
            self.programs[side.name].start()
        for name in self._settings.steady:
            await self._check_served(name, self._settings.steady[name])
        stop = asyncio.Event()
        visits = self._let_visitors_come(stop)
        base = {}
        for side, program in self.programs.items():
            base[side] = await self._at_rest(program)
        await asyncio.sleep(self._options.seconds)
        try:
            for number in range(1, self._options.edits + 1):
                await self._edit(number)
            await self._restore()
            await asyncio.sleep(self._options.seconds)
            await self._compare(base)
        finally:
            stop.set()
            await asyncio.gather(*visits)

    def report_problem(self, what):
        self.violations.append({"edit": len(self.edits), "what": what})
        say(f"VIOLATION after edit {len(self.edits)}: {what}")

    def _sides(self):
        return self._settings.server, self._settings.client

    def _text(self, side):
        """The file of a side; the API has the services that edits touch, if there is one."""
        return side.text(self._rng, EDITED if self._apis else ())

    def _write_secrets(self, side):
        """The files with secrets that the file of a side names."""
        for name, content in side.secrets.items():
            path = os.path.join(self._folder, side.name, name)
            with open(path + ".new", "w", opener=lambda at, flags: os.open(at, flags, 0o600)) as file:
                file.write(content + "\n")
            os.replace(path + ".new", path)

    @staticmethod
    def _edited(side):
        return {name: side.services[name] for name in EDITED if name in side.services}

    async def _start_backends(self):
        """Local services, each with an answer of its own."""
        self._services = []
        for number in range(BACKENDS):
            for kind in KINDS:
                tcp = kind == "tcp"
                own = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
                own.bind(("127.0.0.1", 0))
                own.setblocking(False)
                answer = traffic.table(1 + 2 * number + tcp)
                self._backends[kind][own.getsockname()[1]] = answer
                start = traffic.start_tcp_echo if tcp else traffic.start_udp_echo
                self._services.append(await start(own, answer))

    def _let_visitors_come(self, stop):
        steady = list(self._settings.steady.items())
        by_kind = {kind: [one for one in steady if one[1][0] == kind] for kind in KINDS}
        for number in range(self._options.visitors + self._options.visitors // 10):
            datagrams = number >= self._options.visitors
            among = by_kind["udp" if datagrams else "tcp"]
            make = DatagramVisitor if datagrams else (LongVisitor, ShortVisitor)[number % 2]
            name, (kind, port, backend, _) = among[number // 2 % len(among)]
            self.visitors.append(make(f"{make.__name__} {number} of {name}", number, port,
                                      self._backends[kind][backend], self.report_problem))
        return [asyncio.create_task(visitor.come(stop)) for visitor in self.visitors]

    async def _edit(self, number):
        before = {name: self._settings.entry(name) for name in EDITED}
        what, about, sides = self._settings.edit()
        way = self._rng.choice(list(EditedFile.WAYS))
        for side in sides:
            text = self._text(side)
            self._write_secrets(side)
            if self._apis:
                await self._apis[side.name].change(self._edited(side), self._rng)
                if about:
                    continue
            if self._rng.random() < 0.15:
                # The file is unusable for a while.
                self._files[side.name].write(self._rng.choice(list(EditedFile.WAYS)),
                                             broken(text, self._rng))
                await asyncio.sleep(self._rng.choice([0, 0.05, 1]))
            self._files[side.name].write(way, text)
            if self._rng.random() < 0.1:
                os.kill(self.programs[side.name].pid, signal.SIGHUP)
            await asyncio.sleep(self._rng.choice([0, 0, 0.05, 0.5]))
        for name in EDITED:
            if before[name] and before[name] != self._settings.entry(name):
                self._vacated.add(before[name])
        row = {"edit": number, "what": what, "about": about, "way": way,
               "sides": [side.name for side in sides]}
        self.edits.append(row)
        if number % 25 == 0:
            await self._check_all()
        elif about and self._rng.random() < 0.5:
            row["seconds"] = await self._check(about)
        if number % 10 == 0:
            say(f"{number:4} edits, {sum(each.bytes for each in self.visitors)} bytes checked, "
                f"{len(self.violations)} violations")
        for side, program in self.programs.items():
            if not program.runs():
                raise Failed(f"the {side} ended by itself")

    async def _restore(self):
        """Both files as they were at the start."""
        self._vacated |= {entry for name in EDITED if (entry := self._settings.entry(name))}
        self._settings.server = self._initial["server"]
        self._settings.client = self._initial["client"]
        for side in self._sides():
            self._write_secrets(side)
            if self._apis:
                await self._apis[side.name].change(self._edited(side), self._rng)
            self._files[side.name].rename_over(self._text(side))
        await self._check_all()

    async def _check(self, name):
        due = self._settings.outcome(name)
        if due:
            return await self._check_served(name, due)
        entry = self._settings.entry(name)
        return entry and await self._check_gone(*entry, name)

    async def _check_all(self):
        for name in EDITED:
            await self._check(name)
        for kind, port in self._vacated:
            await self._check_gone(kind, port, "a former service")
        self._vacated.clear()

    async def _check_served(self, name, due):
        kind, port, backend, (header, path) = due
        answer = self._backends[kind][backend]
        took = await eventually(lambda: answers(kind, port, answer, header), TIME_LIMIT)
        if took is None:
            self.report_problem(f"{name} is not served at {kind} port {port} by {backend} "
                                "as configured")
        if path:
            place = os.path.join(self._folder, "server", path)
            if await eventually(lambda: answers("unix", place, answer, header), TIME_LIMIT) is None:
                self.report_problem(f"{name} is not served at {path} by {backend} as configured")
        return took

    async def _check_gone(self, kind, port, name):
        took = await eventually(lambda: refuses(kind, port), TIME_LIMIT)
        if took is None:
            self.report_problem(f"{kind} port {port} of {name} is still open")
        return took

    async def _at_rest(self, program):
        await asyncio.sleep(1)
        return program.figures()

    async def _compare(self, base):
        for side, program in self.programs.items():
            now = await self._at_rest(program)
            self.figures[side] = {"start": base[side], "end": now}
            say(f"{side}: start {base[side]}\n{side}: end   {now}")
            for key in ("files", "threads"):  # the sockets come and go with the visitors
                if now[key] != base[side][key]:
                    self.report_problem(f"{side}, {key}: {now[key]}, "
                                        f"at the start {base[side][key]}")
            if now["pipes"] > max(base[side]["pipes"], STOCK_OF_PIPES * now["threads"]):
                self.report_problem(f"{side}, pipes: {now['pipes']}, "
                                    f"at the start {base[side]['pipes']}")
            if now["anonymous"] > base[side]["anonymous"] + self._options.memory_slack:
                self.report_problem(f"{side}, anonymous: {now['anonymous']} KiB, "
                                    f"at the start {base[side]['anonymous']}")


def soak(options, seed, folder):
    ports = Ports()
    one = Soak(options, folder, ports, seed)
    with contextlib.ExitStack() as stack:
        stack.callback(ports.release)
        stack.callback(lambda: [program.end() for program in one.programs.values()])
        try:
            asyncio.run(one.run())
        except Failed as failure:
            one.report_problem(str(failure))
        if one.violations:
            for program in one.programs.values():
                say(program.logs(60))
    traffic = {}
    for visitor in one.visitors:
        kind = type(visitor).__name__
        found = traffic.setdefault(kind, {"visitors": 0, "connections": 0, "bytes": 0})
        found["visitors"] += 1
        found["connections"] += visitor.connections
        found["bytes"] += visitor.bytes
    return {"seed": seed, "edits": one.edits, "traffic": traffic, "figures": one.figures,
            "violations": one.violations}


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an orderly end, as from the keyboard
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    say(f"replay with --seed {seed}")
    with tempfile.TemporaryDirectory(prefix="rathole-reload-") as folder:
        summary = soak(options, seed, folder)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(summary, file, indent=1)
    slowest = max((row.get("seconds") or 0 for row in summary["edits"]), default=0)
    say(json.dumps({"edits": len(summary["edits"]), "violations": len(summary["violations"]),
                    "slowest_edit_seconds": round(slowest, 3), "traffic": summary["traffic"],
                    "seed": seed}))
    return 1 if summary["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
