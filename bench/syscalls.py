#!/usr/bin/env python3
"""Counts the system calls of each end of a tunnel for one HTTP request, with strace.

strace slows what it watches by far, so the counts are those of a tunnel under load, and how often a
call finds several things to do differs from a run without strace.
"""

import argparse
import os
import re
import signal
import sys
import tempfile

sys.dont_write_bytecode = True

from harness import contenders, services  # noqa: E402
from harness.processes import Failed, Ports, Process, run, wait_until  # noqa: E402
from harness.report import row  # noqa: E402
from harness.scenarios import wrk_result  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def counts(text):
    """Calls by name, from the table of `strace -c`."""
    out = {}
    for line in text.splitlines():
        found = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
        if found and found[2] != "total":
            out[found[2]] = int(found[1])
    return out


def watch(folder, process):
    """strace attached to a process."""
    result = os.path.join(folder, process.name + ".strace")
    tracer = Process(folder, process.name + "-strace",
                     ["strace", "-f", "-c", "-o", result, "-p", str(process.pid)])
    def attached():
        with open(f"/proc/{process.pid}/status") as status:
            return not re.search(r"^TracerPid:\s+0$", status.read(), re.M)
    wait_until(attached, 10, "strace did not attach")
    return tracer, result


def measure(contender, folder, web, options):
    ports = Ports()
    tunnel = contender.start(folder, ports, {"web": web})
    tracers = []
    try:
        address = f"http://127.0.0.1:{tunnel.entries['web']}/"
        wait_until(lambda: fetched(address), 10, "no visitor was served")
        tracers = [watch(folder, process) for process in tunnel.processes]
        closing = ["-H", "Connection: close"] if options.close else []
        text = run([services.program("wrk"), "-t2", f"-c{options.connections}",
                    f"-d{options.seconds}s", "--latency", *closing, address],
                   options.seconds + 30)
        requests = wrk_result(text)["requests"]
        found = []
        for (tracer, result), process in zip(tracers, tunnel.processes):
            os.kill(tracer.pid, signal.SIGINT)
            tracer.wait(10)
            with open(result) as file:
                found.append((process.name, counts(file.read())))
        return requests, found
    finally:
        tunnel.end()
        for tracer, _ in tracers:
            tracer.end()
        ports.release()


def fetched(address):
    try:
        run([services.program("wrk"), "-t1", "-c1", "-d1s", "--latency", address], 10)
        return True
    except Failed:
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", default=f"{ROOT}/build/release/rathole", metavar="PATH")
    parser.add_argument("--upstream", metavar="PATH")
    parser.add_argument("--limit", metavar="PATH")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--close", action="store_true", help="a new connection for each request")
    options = parser.parse_args()
    runners = [contenders.Rathole("ours", options.ours)]
    if options.upstream:
        runners.append(contenders.Rathole("upstream", options.upstream))
    if options.limit:
        runners.append(contenders.Limit(options.limit))
    ends, calls = [], {}
    with tempfile.TemporaryDirectory(prefix="rathole-bench-") as folder:
        ports = Ports()
        web = ports.take()
        nginx = services.start_nginx(folder, web)
        try:
            for contender in runners:
                requests, found = measure(contender, folder, web, options)
                for name, by_call in found:
                    ends.append(name)
                    for call, count in by_call.items():
                        calls.setdefault(call, {})[name] = count / requests
        finally:
            nginx.end()
            ports.release()
    print(row(["system calls for a request", *ends]))
    print(row(["---"] + ["---:"] * len(ends)))
    order = sorted(calls, key=lambda call: -max(calls[call].values()))
    for call in order:
        if max(calls[call].values()) >= 0.01:
            print(row([call] + [f"{calls[call].get(end, 0):.2f}" for end in ends]))
    print(row(["all"] + [f"{sum(by.get(end, 0) for by in calls.values()):.2f}" for end in ends]))


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"syscalls.py: {failure}")
