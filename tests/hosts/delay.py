"""A slow line between two machines, as a program: packets from one TUN device come out of the other one later, or never.

`python delay.py NAME NAME DELAY_MS LOSS MEGABITS` makes two TUN devices, says `ready`, and forwards until its standard input ends.
A line `cut` there makes everything vanish without a word, and `heal` ends that. Kernels without `netem` have nothing else for this.
"""

import fcntl
import os
import random
import select
import struct
import sys
import time
from collections import deque

_MOST_QUEUED_BYTES = 256 * 1024
"""What a router keeps before it drops."""
_LONGEST_PACKET_BYTES = 65_536
_TUNSETIFF = 0x400454CA
_TUN_WITHOUT_HEADER = 0x1001


class Direction:
    """One way of the line: a queue that gives each packet out when its time has come."""

    def __init__(self, delay_seconds: float, loss: float, bytes_per_second: float, chance: random.Random) -> None:
        """`loss` is the share of packets that vanish; `bytes_per_second` 0: no limit."""
        self._delay_seconds = delay_seconds
        self._loss = loss
        self._bytes_per_second = bytes_per_second
        self._chance = chance
        self._sent_at = 0.0
        self._queue: deque[tuple[float, bytes]] = deque()

    def put(self, packet: bytes, now: float) -> None:
        """A packet enters the line, or is lost."""
        if self._chance.random() < self._loss:
            return
        if self._bytes_per_second:
            if max(0.0, self._sent_at - now) * self._bytes_per_second > _MOST_QUEUED_BYTES:
                return
            self._sent_at = max(self._sent_at, now) + len(packet) / self._bytes_per_second
        self._queue.append((max(self._sent_at, now) + self._delay_seconds, packet))

    @property
    def next_at(self) -> float:
        """When the next packet leaves; infinite if there is none."""
        return self._queue[0][0] if self._queue else float("inf")

    def take(self, now: float) -> bytes | None:
        """The next packet whose time has come."""
        return self._queue.popleft()[1] if self._queue and self._queue[0][0] <= now else None


def open_tun(name: str) -> int:
    """A TUN device of this name, as a file; it ends with this process."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", name.encode(), _TUN_WITHOUT_HEADER))
    return device


def forward(ways: dict[int, tuple[Direction, int]]) -> None:
    """`ways`: for each device, the direction from it and the device at the other end."""
    is_cut, commands = False, sys.stdin.fileno()
    while True:
        wait = min(direction.next_at for direction, _ in ways.values()) - time.monotonic()
        ready = select.select([*ways, commands], [], [], max(0.0, min(wait, 60.0)))[0]
        now = time.monotonic()
        for source in ready:
            if source == commands:
                command = sys.stdin.readline()
                if not command:
                    return
                is_cut = command.strip() == "cut"
                sys.stdout.write("done\n")
                sys.stdout.flush()
            elif (packet := _read(source)) and not is_cut:
                ways[source][0].put(packet, now)
        for direction, target in ways.values():
            while packet := direction.take(time.monotonic()):
                _write(target, packet)


def _read(device: int) -> bytes:
    """A packet; nothing while the device is down."""
    try:
        return os.read(device, _LONGEST_PACKET_BYTES)
    except OSError:
        return b""


def _write(device: int, packet: bytes) -> None:
    """Into the machine at that end; lost if it has switched the device off, as on a real line."""
    try:
        os.write(device, packet)
    except OSError:
        return


def main(one: str, other: str, delay_ms: str, loss: str, megabits: str) -> None:
    chance = random.Random(1)
    devices = open_tun(one), open_tun(other)
    directions = [
        Direction(float(delay_ms) / 1000, float(loss), float(megabits) * 1e6 / 8, chance) for _ in devices
    ]  # fmt: skip
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    forward({devices[0]: (directions[0], devices[1]), devices[1]: (directions[1], devices[0])})


if __name__ == "__main__":
    main(*sys.argv[1:])
