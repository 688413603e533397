"""strace and perf on running processes, and what they say."""

import collections
import os
import re
import signal

from .processes import Process, run, wait_until


def strace_counts(text):
    """Calls by name, from the table of `strace -c`."""
    out = {}
    for line in text.splitlines():
        found = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
        if found and found[2] != "total":
            out[found[2]] = int(found[1])
    return out


def perf_shares(text):
    """Where the samples of `perf script` were taken: share by system call, library and program."""
    found = collections.Counter()
    for sample in text.split("\n\n"):
        frames = sample.strip().splitlines()[1:]
        if not frames:
            continue
        call = re.search(r"__(?:x64|arm64)_sys_(\w+)", sample)
        place = re.search(r"\(([^()]+)\)$", frames[0].strip())
        if call:
            found[call[1]] += 1
        elif not place or "kernel" in place[1]:
            found["kernel, else"] += 1
        else:
            library = re.match(r"lib(\w+(?:\+\+)?)", os.path.basename(place[1]))
            found[f"lib{library[1]}" if library else "the program itself"] += 1
    total = sum(found.values())
    return {name: count / total for name, count in found.items()}


class Strace:
    """Counts the calls of a process from now on."""

    def __init__(self, folder, process):
        self._result = os.path.join(folder, process.name + ".strace")
        self._tracer = Process(folder, process.name + "-strace",
                               ["strace", "-f", "-c", "-o", self._result, "-p", str(process.pid)])
        def attached():
            with open(f"/proc/{process.pid}/status") as status:
                return not re.search(r"^TracerPid:\s+0$", status.read(), re.M)
        wait_until(attached, 10, "strace did not attach")

    def result(self):
        os.kill(self._tracer.pid, signal.SIGINT)
        self._tracer.wait(10)
        with open(self._result) as file:
            return strace_counts(file.read())

    def end(self):
        self._tracer.end()


class Perf:
    """Samples a process from now on, with the call chains of the kernel."""

    def __init__(self, folder, process):
        self._result = os.path.join(folder, process.name + ".perf")
        self._tracer = Process(folder, process.name + "-perf",
                               ["perf", "record", "-g", "-F", "999", "-o", self._result,
                                "-p", str(process.pid)])
        wait_until(lambda: os.path.exists(self._result), 10, "perf did not start")

    def result(self):
        os.kill(self._tracer.pid, signal.SIGINT)
        self._tracer.wait(30)
        return perf_shares(run(["perf", "script", "-i", self._result, "-F",
                                "comm,pid,ip,sym,dso"], 120))

    def end(self):
        self._tracer.end()
