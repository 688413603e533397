"""Echo services, and visitors that want their octets back."""

import asyncio
import os
import socket
import struct


class StreamEcho(asyncio.Protocol):
    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        self._transport.write(data)

    def pause_writing(self):
        self._transport.pause_reading()

    def resume_writing(self):
        self._transport.resume_reading()


async def start_tcp_echo(listening):
    """Echoes to whoever connects to the listening socket."""
    return await asyncio.get_running_loop().create_server(StreamEcho, sock=listening)


class DatagramEcho(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self._transport = transport

    def datagram_received(self, data, address):
        self._transport.sendto(data, address)


async def start_udp_echo(bound):
    """Echoes every datagram that the bound socket gets."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(DatagramEcho, sock=bound)
    return transport


async def receive_exactly(loop, connection, count):
    """`count` octets, or fewer at the end."""
    got = bytearray()
    while len(got) < count:
        piece = await loop.sock_recv(connection, count - len(got))
        if not piece:
            break
        got += piece
    return bytes(got)


async def round_trip(connection, size=64):
    """Whether `size` octets that were sent come back. OSError if the connection breaks."""
    loop = asyncio.get_running_loop()
    question = os.urandom(size)
    sending = asyncio.create_task(loop.sock_sendall(connection, question))
    try:
        return await receive_exactly(loop, connection, size) == question
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


def hang_up(connection, abruptly=False):
    """Closes, or resets, which is what an abrupt end is."""
    if abruptly:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
