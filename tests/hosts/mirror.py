"""A program: tells who asks under which address it is seen, by UDP.

`answer PORT` answers. `ask PORT` sends from that port to each `ip:port` that it reads as a line, and prints what came back, and when;
it answers too.
"""

import json
import select
import socket
import sys
import time

_PATIENCE_SECONDS = 0.5
_ASK, _ANSWER = b"?", b"!"


def receive(link: socket.socket) -> bytes:
    """The next packet's payload; a question is answered."""
    packet, (host, port) = link.recvfrom(1_000)
    if packet == _ASK:
        link.sendto(_ANSWER + f"{host}:{port}".encode(), (host, port))
    return packet


def ask(link: socket.socket, address: str) -> None:
    host, _, port = address.strip().rpartition(":")
    began = time.monotonic()
    link.sendto(_ASK, (host, int(port)))
    seen = None
    while seen is None and select.select([link], [], [], max(0.0, began + _PATIENCE_SECONDS - time.monotonic()))[0]:
        packet = receive(link)
        seen = packet.removeprefix(_ANSWER).decode() if packet.startswith(_ANSWER) else None
    milliseconds = None if seen is None else (time.monotonic() - began) * 1000
    say(json.dumps({"seen": seen, "milliseconds": milliseconds}))


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(what: str, port: str) -> None:
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.bind(("0.0.0.0", int(port)))
    say("ready")
    while True:
        sources = [link, sys.stdin] if what == "ask" else [link]
        ready = select.select(sources, [], [])[0]
        if link in ready:
            receive(link)
        if sys.stdin in ready:
            if not (address := sys.stdin.readline()):
                return
            ask(link, address)


if __name__ == "__main__":
    main(*sys.argv[1:])
