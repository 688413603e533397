"""Echo services, and visitors that want their bytes back."""

import asyncio
import os
import socket
import struct


PLAIN = bytes(range(256))


def table(number):
    """What the service of that number makes of each byte: no two services the same."""
    return bytes(byte ^ number for byte in range(256))


class StreamEcho(asyncio.Protocol):
    """Sends back what it hears, bytes translated."""

    def __init__(self, translation):
        self._translation = translation

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        self._transport.write(data.translate(self._translation))

    def pause_writing(self):
        self._transport.pause_reading()

    def resume_writing(self):
        self._transport.resume_reading()


async def start_tcp_echo(listening, translation=PLAIN):
    """Echoes to whoever connects to the listening socket."""
    return await asyncio.get_running_loop().create_server(
        lambda: StreamEcho(translation), sock=listening)


class DatagramEcho(asyncio.DatagramProtocol):
    def __init__(self, translation):
        self._translation = translation

    def connection_made(self, transport):
        self._transport = transport

    def datagram_received(self, data, address):
        self._transport.sendto(data.translate(self._translation), address)


async def start_udp_echo(bound, translation=PLAIN):
    """Echoes every datagram that the bound socket gets."""
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: DatagramEcho(translation), sock=bound)
    return transport


async def receive_exactly(loop, connection, count):
    """`count` bytes, or fewer at the end."""
    got = bytearray()
    while len(got) < count:
        piece = await loop.sock_recv(connection, count - len(got))
        if not piece:
            break
        got += piece
    return bytes(got)


async def round_trip(connection, size=64, translation=PLAIN):
    """Whether the answer to `size` bytes comes. OSError if the connection breaks."""
    loop = asyncio.get_running_loop()
    question = os.urandom(size)
    sending = asyncio.create_task(loop.sock_sendall(connection, question))
    try:
        return await receive_exactly(loop, connection, size) == question.translate(translation)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


def hang_up(connection, abruptly=False):
    """Closes, or resets, which is what an abrupt end is."""
    if abruptly:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
