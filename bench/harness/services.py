"""What stands behind the tunnels: nginx, iperf3, and an echo service."""

import os
import resource
import selectors
import shutil
import socket
import sys

from .processes import Process, listens, wait_until

PACKAGES = {"iperf3": "iperf3", "wrk": "wrk", "nginx": "nginx"}


def program(name):
    """The path of a program, or None."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def missing():
    """Debian packages of the programs that are needed and not there."""
    return [package for name, package in PACKAGES.items() if not program(name)]


def raise_descriptor_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def start_nginx(folder, port):
    """One worker that answers every request with a small page from memory."""
    with open(os.path.join(folder, "nginx.conf"), "w") as file:
        file.write(f"""
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  default_type text/plain;
  keepalive_timeout 3600;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ return 200 "{"x" * 128}"; }}
  }}
}}
""")
    started = Process(folder, "nginx", [program("nginx"), "-p", folder, "-e", "nginx.err",
                                        "-c", f"{folder}/nginx.conf"])
    wait_until(lambda: listens(port), 10, "nginx does not listen")
    return started


def start_iperf3(folder, port):
    """A server for one test; it ends by itself."""
    started = Process(folder, "iperf3-server",
                      [program("iperf3"), "-s", "-1", "-B", "127.0.0.1", "-p", str(port)])
    wait_until(lambda: listens(port), 10, "iperf3 does not listen")
    return started


def start_echo(folder, port):
    """The echo service in a process of its own, out of the way of what measures."""
    script = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "compare.py")
    started = Process(folder, "echo", [sys.executable, script, "--echo", str(port)])
    wait_until(lambda: listens(port), 10, "the echo service does not listen")
    return started


def echo(port):
    """Serves indefinitely."""
    raise_descriptor_limit()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(4096)
    listener.setblocking(False)
    poller = selectors.DefaultSelector()
    poller.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in poller.select():
            if key.fileobj is listener:
                try:
                    accepted = listener.accept()[0]
                except OSError:
                    continue
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                accepted.settimeout(5)
                poller.register(accepted, selectors.EVENT_READ)
                continue
            try:
                data = key.fileobj.recv(65536)
                if data:
                    key.fileobj.sendall(data)
            except OSError:
                data = b""
            if not data:
                poller.unregister(key.fileobj)
                key.fileobj.close()
