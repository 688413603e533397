"""Starting, watching and ending processes. Only what was started here is ever ended."""

import os
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A measurement did not work; the message says why."""


def wait_until(condition, seconds, what, pause=0.001):
    """Waits until `condition()` is true; Failed after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"{what} (waited {seconds} s)")
        time.sleep(pause)


class Ports:
    """Free TCP ports of the loopback address, kept reserved until `release`.

    The sockets stay bound, so that the kernel gives the ports to nobody else; who sets SO_REUSEADDR,
    as servers do, can listen there all the same.
    """

    def __init__(self):
        self._held = []

    def take(self):
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        self._held.append(held)
        return held.getsockname()[1]

    @staticmethod
    def take_udp():
        """A free UDP port. It cannot be kept: who binds a UDP port wants it for itself."""
        with socket.socket(type=socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def release(self):
        for held in self._held:
            held.close()
        self._held.clear()


class Process:
    """One program, whose output goes to a file in `folder`."""

    def __init__(self, folder, name, command, environment=None):
        self.name = name
        self._log = os.path.join(folder, name + ".log")
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(environment or {})})

    @property
    def pid(self):
        return self._process.pid

    def runs(self):
        return self._process.poll() is None

    def logs(self, lines=8):
        with open(self._log, errors="replace") as log:
            return f"--- {self.name}\n" + "".join(log.readlines()[-lines:])

    def wait(self, seconds):
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} did not end within {seconds} s") from None

    def end(self):
        if self.runs():
            self._process.terminate()
            try:
                self._process.wait(3)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()

    def cpu_seconds(self):
        """User and system time of all threads so far."""
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self):
        """(anonymous resident, resident) memory in KiB."""
        found = {}
        with open(f"/proc/{self.pid}/status") as file:
            for line in file:
                key, _, value = line.partition(":")
                if key in ("RssAnon", "VmRSS"):
                    found[key] = int(value.split()[0])
        return found["RssAnon"], found["VmRSS"]


def run(command, seconds, **options):
    """What a command that ends by itself printed; Failed if it did not work."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=seconds, check=False,
                              **options)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]} did not end within {seconds} s") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-400:]
        raise Failed(f"{command[0]} ended with {done.returncode}: {said}")
    return done.stdout


def connect(port, seconds=5):
    """A connection to the loopback address, without delays of small messages."""
    made = socket.create_connection(("127.0.0.1", port), seconds)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def listens(port):
    """Whether someone listens on a port of the loopback address; does not disturb who listens."""
    wanted = f"0100007F:{port:04X}"
    with open("/proc/net/tcp") as table:
        next(table)
        for line in table:
            _, local, _, state = line.split(maxsplit=4)[:4]
            if state != "0A":  # listening sockets come first
                return False
            if local == wanted:
                return True
    return False
