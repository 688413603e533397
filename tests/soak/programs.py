"""A program that is started, killed and started again, and what it has in use."""

import os
import signal

from harness.processes import Process


class Program:
    def __init__(self, folder, name, command, environment=None):
        self.name = name
        self._start = lambda: Process(folder, name, command, environment)
        self._process = None

    def start(self):
        self._process = self._start()

    def kill(self):
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def end(self):
        if self._process:
            self._process.end()

    @property
    def pid(self):
        return self._process.pid

    def runs(self):
        return self._process.runs()

    def logs(self, lines=20):
        return self._process.logs(lines) if self._process else ""

    def figures(self):
        """Descriptors by kind, threads, and anonymous memory in KiB."""
        found = {"sockets": 0, "pipes": 0, "files": 0}
        folder = f"/proc/{self.pid}/fd"
        for each in os.listdir(folder):
            try:
                kind = os.readlink(f"{folder}/{each}").partition(":")[0]
            except OSError:  # closed meanwhile
                continue
            found[{"socket": "sockets", "pipe": "pipes"}.get(kind, "files")] += 1
        found["threads"] = len(os.listdir(f"/proc/{self.pid}/task"))
        found["anonymous"] = self._process.memory()[0]
        return found
