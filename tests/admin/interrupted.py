#!/usr/bin/env python3
"""Interrupts changes of a service, and lets them fail, at every system call that they consist of.

  interrupted.py PROGRAM

A first change is recorded by strace. Then the program is killed at each call that was recorded, and started
again: the service must have its old or its new settings, and nothing else may be left in the folder. Then each
call that writes fails with the error of a full disk or a broken one: the answer must be 507, and everything as
it was.
"""
import collections
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

from harness.processes import Ports  # noqa: E402

TOKEN = "of the test"
CALLS = ["openat", "write", "fsync", "rename", "unlink", "close", "read", "fstat", "newfstatat", "getdents64"]
OLD = {"bind_addr": "127.0.0.1:0", "idle_timeout": 60}
NEW = {"bind_addr": "127.0.0.1:0", "idle_timeout": 61}


class Program:
    """A server whose service `web` the API can change."""

    def __init__(self, program, folder):
        self.program, self.folder = program, pathlib.Path(folder)
        self.ports = Ports()
        self.port = self.ports.take()
        self.services = self.folder / "services.d"
        self.services.mkdir()
        (self.folder / "server.toml").write_text(f'''
[server]
bind_addr = "127.0.0.1:0"
default_token = "of the tunnel"
[server.services]
[server.admin]
bind_addr = "127.0.0.1:{self.port}"
token = "{TOKEN}"
services_dir = "services.d"
''')
        self.start()

    def start(self):
        self.running = subprocess.Popen([self.program, "server.toml"], cwd=self.folder,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while self.ask("GET", "status")[0] != 200:
            if time.monotonic() > deadline or self.running.poll() is not None:
                sys.exit("the program does not answer")
            time.sleep(0.01)

    def ask(self, method, path, body=None):
        """Returns the status and the answer; 0 if there is none."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1/{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()
        except (OSError, ConnectionError):
            return 0, ""

    def settings(self):
        status, text = self.ask("GET", "services/web")
        return json.loads(text)["settings"] if status == 200 else None

    def traced(self, *options):
        """Returns a strace that follows every thread of the program."""
        strace = subprocess.Popen(["strace", "-f", "-p", str(self.running.pid), *options],
                                  stderr=subprocess.PIPE, text=True)
        # One line for all threads.
        if "attached" not in strace.stderr.readline():
            sys.exit(f"strace cannot follow the program: {strace.stderr.read()}")
        return strace

    def end(self):
        if self.running.poll() is None:
            self.running.send_signal(signal.SIGTERM)
        self.ports.release()
        return self.running.wait(30)


def leave(strace):
    """Ends a strace; the program runs on."""
    strace.terminate()
    strace.communicate()


def recorded(program):
    """Returns the calls of one change, as (thread, name, arguments), in order."""
    output = program.folder / "calls"
    strace = program.traced("-o", str(output), "-e", "trace=" + ",".join(CALLS))
    if program.ask("PUT", "services/web", NEW)[0] != 200:
        sys.exit("the change to record is refused")
    leave(strace)
    return re.findall(r"^(\d+) +(\w+)\((.*)$", output.read_text(), re.M)


def try_kills(program, calls):
    """Kills the program at each of the calls; returns how often, and what was wrong."""
    counts = collections.Counter()
    for thread, name, _ in calls:
        counts[thread, name] += 1
    points = sorted({(name, number) for (_, name), most in counts.items() for number in range(1, most + 1)})
    wrong, killed, found = [], 0, collections.Counter()
    for name, number in points:
        strace = program.traced("-o", os.devnull, "-e", f"trace={name}",
                                "-e", f"inject={name}:signal=SIGKILL:when={number}")
        status, _ = program.ask("PUT", "services/web", NEW)
        if status:
            # Not as many calls as in the recorded change.
            leave(strace)
        else:
            strace.communicate()
            program.running.wait(30)
            killed += 1
            program.start()
        settings = program.settings()
        where = f"killed at {name} number {number}"
        if settings not in (OLD, NEW):
            wrong.append(f"{where}: the settings are {settings}")
        found["old" if settings == OLD else "new"] += 1
        if (left := sorted(os.listdir(program.services))) != ["web.toml"]:
            wrong.append(f"{where}: the folder has {left}")
        if program.ask("PUT", "services/web", OLD)[0] not in (200, 201):
            wrong.append(f"{where}: a further change is refused")
    if not found["old"] or not found["new"]:
        wrong.append(f"killed {killed} times, and the settings were always the same: {dict(found)}")
    return killed, len(points), wrong


def try_errors(program, calls):
    """Lets each call that writes fail; returns how many, and what was wrong."""
    editor = next(thread for thread, name, arguments in calls if name == "rename")
    numbers, points = collections.Counter(), []
    is_editing = False
    for thread, name, arguments in calls:
        if thread != editor:
            continue
        numbers[name] += 1
        is_editing = is_editing or (name == "openat" and ".rathole-" in arguments)
        if is_editing and name in ("openat", "write", "fsync", "rename"):
            points.append((name, numbers[name]))
        if name == "fsync" and "rename" in numbers:
            break
    wrong = []
    for name, number in points:
        for error in ("ENOSPC", "EDQUOT", "EIO", "EROFS"):
            strace = program.traced("-o", os.devnull, "-e", f"trace={name}",
                                    "-e", f"inject={name}:error={error}:when={number}")
            status, answer = program.ask("PUT", "services/web", NEW)
            leave(strace)
            where = f"{name} number {number} failed with {error}"
            if status != 507 or "Nothing was changed" not in answer:
                wrong.append(f"{where}: {status} {answer}")
            if program.settings() != OLD:
                wrong.append(f"{where}: the settings are {program.settings()}")
            if (left := sorted(os.listdir(program.services))) != ["web.toml"]:
                wrong.append(f"{where}: the folder has {left}")
    return len(points) * 4, wrong


def main():
    with tempfile.TemporaryDirectory() as folder:
        program = Program(os.path.abspath(sys.argv[1]), folder)
        try:
            if program.ask("PUT", "services/web", OLD)[0] != 201:
                sys.exit("the service is not added")
            calls = recorded(program)
            if program.ask("PUT", "services/web", OLD)[0] != 200:
                sys.exit("the service is not changed back")
            errors, wrong = try_errors(program, calls)
            killed, points, more = try_kills(program, calls)
        finally:
            status = program.end()
    wrong += more
    print("\n".join(wrong) or "no problems")
    print(f"{errors} changes failed; {killed} of {points} were interrupted by the end of the program")
    return 1 if wrong or status or not errors or not killed else 0


if __name__ == "__main__":
    sys.exit(main())
