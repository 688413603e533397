#!/usr/bin/python3
"""websocket_bridge.py accept|connect PORT TARGET: joins TCP and WebSocket on 127.0.0.1.

accept:  takes WebSocket connections at PORT, and passes what they carry to TCP at TARGET.
connect: takes TCP connections at PORT, and passes what they carry to WebSocket at TARGET.

It is made with the package websockets: an implementation that is neither ours nor the Rust
program's. What it sends is cut into messages and fragments of changing sizes, between which it
pings; a peer that does not answer those is let go of. "close with NNNN" in what it is to send makes
it send a Close with that status code instead.
"""

import asyncio
import re
import sys

import websockets

PING = {"ping_interval": 0.2, "ping_timeout": 20, "max_size": None}
FRAGMENTS = (1, 7, 125, 126, 4096, 65535, 65536)


def fragments(data):
    """The bytes in pieces, of which each size comes up in its turn; an empty one ends them."""
    at = turn = 0
    while at < len(data):
        size = FRAGMENTS[turn % len(FRAGMENTS)]
        yield data[at : at + size]
        at += size
        turn += 1
    yield b""


async def to_websocket(reader, peer):
    turn = 0
    while data := await reader.read(200_000):
        turn += 1
        if order := re.match(rb"close with (\d{4})", data):
            await peer.close(int(order[1]))
            return
        await peer.send(fragments(data) if turn % 2 else data)
    await peer.close()


async def to_tcp(peer, writer):
    async for message in peer:
        writer.write(message)
        await writer.drain()
    writer.close()


async def join(reader, writer, peer):
    both = [
        asyncio.ensure_future(to_websocket(reader, peer)),
        asyncio.ensure_future(to_tcp(peer, writer)),
    ]
    try:
        await asyncio.gather(*both)
    except (OSError, websockets.ConnectionClosed):
        pass
    finally:
        for each in both:
            each.cancel()
        writer.close()
        await peer.close()


async def main(kind, port, target):
    async def accepted(peer, *_):
        reader, writer = await asyncio.open_connection("127.0.0.1", target)
        await join(reader, writer, peer)

    async def connected(reader, writer):
        async with websockets.connect(f"ws://127.0.0.1:{target}/", **PING) as peer:
            await join(reader, writer, peer)

    if kind == "accept":
        await websockets.serve(accepted, "127.0.0.1", port, **PING)
    else:
        await asyncio.start_server(connected, "127.0.0.1", port, backlog=1000)
    await asyncio.Future()


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
