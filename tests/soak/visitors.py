"""Visitors of services that no edit touches; each byte that they receive is checked."""

import asyncio
import contextlib
import random
import socket

from traffic import hang_up


class Visitor:
    """Visits the service at `port`, which answers bytes by `translation`. Problems are passed to
    `report_problem`."""

    def __init__(self, name, seed, port, translation, report_problem):
        self.name, self._port, self._translation = name, port, translation
        self._rng = random.Random(seed)
        self._report_problem = report_problem
        self.bytes = 0
        self.connections = 0

    async def come(self, stop):
        """Visits until `stop` is set."""
        try:
            await self._come(stop)
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
            self._report_problem(f"{self.name}, connection {self.connections}, "
                                 f"after {self.bytes} bytes: {error!r}")

    async def _open(self):
        self.connections += 1
        return await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self._port), 10)

    async def _hear(self, reader, said):
        """The answer to what was said, byte by byte; it may take a while, but not indefinitely."""
        heard = await asyncio.wait_for(reader.readexactly(len(said)), 20)
        if heard != said.translate(self._translation):
            raise OSError("other bytes than those that were due")
        self.bytes += len(said)

    async def _leave(self, reader, writer):
        """After the end of sending nothing comes but the end."""
        writer.write_eof()
        if await asyncio.wait_for(reader.read(1), 20):
            raise OSError("more bytes than were due")
        writer.close()


class LongVisitor(Visitor):
    """One connection from the beginning to the end; something is always on the way in both
    directions."""

    async def _come(self, stop):
        reader, writer = await self._open()
        on_the_way = asyncio.Queue(maxsize=4)
        speaking = asyncio.create_task(self._speak(writer, on_the_way, stop))
        try:
            while (said := await on_the_way.get()) is not None:
                await self._hear(reader, said)
            await speaking
            await self._leave(reader, writer)
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
            writer.close()

    async def _speak(self, writer, on_the_way, stop):
        broken = None
        try:
            while not stop.is_set():
                said = self._rng.randbytes(self._rng.randrange(1, 8192))
                await on_the_way.put(said)
                writer.write(said)
                await writer.drain()
                await asyncio.sleep(self._rng.uniform(0, 0.05))
        except OSError as error:
            broken = error
        await on_the_way.put(None)
        if broken:
            raise broken


class ShortVisitor(Visitor):
    """One connection after another."""

    async def _come(self, stop):
        while not stop.is_set():
            reader, writer = await self._open()
            try:
                said = self._rng.randbytes(self._rng.randrange(1, 32768))
                writer.write(said)
                await self._hear(reader, said)
                await self._leave(reader, writer)
            finally:
                writer.close()
            await asyncio.sleep(self._rng.uniform(0, 0.1))


class DatagramVisitor(Visitor):
    """One socket, one datagram at a time: none has a reason to be lost."""

    async def _come(self, stop):
        loop = asyncio.get_running_loop()
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as own:
            own.setblocking(False)
            own.connect(("127.0.0.1", self._port))
            self.connections += 1
            while not stop.is_set():
                said = self._rng.randbytes(self._rng.randrange(1, 1400))
                await loop.sock_sendall(own, said)
                heard = await asyncio.wait_for(loop.sock_recv(own, 65536), 5)
                if heard != said.translate(self._translation):
                    raise OSError("another datagram than was due")
                self.bytes += len(said)
                await asyncio.sleep(self._rng.uniform(0, 0.05))


def _header(kind, own):
    """The header of version 1 of the PROXY protocol that a service gets for that visitor."""
    if kind == "unix":
        return b"PROXY UNKNOWN\r\n"
    (here, port), (there, reached) = own.getsockname(), own.getpeername()
    return f"PROXY TCP4 {here} {there} {port} {reached}\r\n".encode()


async def answers(kind, port, translation, header=None):
    """Whether a fresh visitor of that kind ("tcp", "udp", or "unix" for a path instead of a port) gets the
    answer of that service; also for the bytes of the header, if it gets one."""
    loop = asyncio.get_running_loop()
    own = socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET,
                        socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    own.setblocking(False)
    said = random.randbytes(32)
    try:
        await loop.sock_connect(own, port if kind == "unix" else ("127.0.0.1", port))
        await loop.sock_sendall(own, said)
        due = ((_header(kind, own) if header else b"") + said).translate(translation)
        heard = b""
        while len(heard) < len(due):
            got = await asyncio.wait_for(loop.sock_recv(own, 256), 1)
            if not got:
                break
            heard += got
        return heard == due
    except (OSError, asyncio.TimeoutError):
        return False
    finally:
        hang_up(own)


async def refuses(kind, port):
    """Whether nobody is at that port."""
    loop = asyncio.get_running_loop()
    own = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    own.setblocking(False)
    try:
        await loop.sock_connect(own, ("127.0.0.1", port))
        if kind == "udp":
            await loop.sock_sendall(own, b"?")
            await asyncio.wait_for(loop.sock_recv(own, 64), 0.5)
    except ConnectionRefusedError:
        return True
    except (OSError, asyncio.TimeoutError):
        return False
    finally:
        hang_up(own)
    return False
