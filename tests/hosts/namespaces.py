"""Machines that share one kernel: network namespaces with a name of this test run, which go with everything in them.

A run that was killed leaves its namespaces behind; the next one removes them.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from functools import cache
from itertools import count
from typing import Self

_PREFIX = "crofter-"
_COMMAND_SECONDS = 20
_numbers = count()
_TOOLS = {"ip": "iproute2", "nft": "nftables"}


def run(*command: str, text: str = "") -> str:
    """Run a command to its end and insist on its success; what it printed."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}{text}"
    return done.stdout


class Namespace:
    """A machine with its own interfaces, addresses, routes and firewall, and nothing but loopback at first."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.full_name = f"{_PREFIX}{os.getpid()}-{next(_numbers)}-{name}"
        run("ip", "netns", "add", self.full_name)
        # Only loopback has IPv6: the kernel's own talk on a link would be taken for the node's.
        self.set("net.ipv6.conf.default.disable_ipv6", "1")
        self.ip("link", "set", "lo", "up")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _remove(self.full_name)

    @property
    def entry(self) -> tuple[str, ...]:
        """What a command line begins with to run in here; the process is the command itself."""
        return ("ip", "netns", "exec", self.full_name)

    def run(self, *command: str, text: str = "") -> str:
        """The same as `run`, in here."""
        return run(*self.entry, *command, text=text)

    def ip(self, *arguments: str) -> str:
        """`ip ...`, in here."""
        return run("ip", "-n", self.full_name, *arguments)

    def set(self, name: str, value: str) -> None:
        """Set a variable of the kernel, in here."""
        self.run("sh", "-c", f"echo {value} > /proc/sys/{name.replace('.', '/')}")

    def packets_sent(self, interface: str) -> int:
        """How many packets have left by this interface."""
        return int(self.run("cat", f"/sys/class/net/{interface}/statistics/tx_packets"))


def connect(one: Namespace, one_interface: str, other: Namespace, other_interface: str) -> None:
    """A cable between two machines; both ends are up, and have no address yet."""
    one.ip(
        "link", "add", one_interface, "type", "veth", "peer", "name", other_interface, "netns", other.full_name
    )  # fmt: skip
    one.ip("link", "set", one_interface, "up")
    other.ip("link", "set", other_interface, "up")


def sweep() -> None:
    """Remove what runs that were killed left behind; those of runs that live are left alone."""
    for full_name in _names():
        run_id = full_name.removeprefix(_PREFIX).partition("-")[0]
        if run_id.isdecimal() and not os.path.exists(f"/proc/{run_id}"):
            _remove(full_name)


@cache
def why_not() -> str:
    """What this machine lacks for these tests; empty if nothing."""
    for tool, package in _TOOLS.items():
        if shutil.which(tool) is None:
            return f"needs `{tool}` (Debian: {package})"
    if not os.path.exists("/dev/net/tun"):
        return "needs /dev/net/tun"
    try:
        with Namespace("trial") as trial:
            trial.ip("tuntap", "add", "trial0", "mode", "tun")
            trial.run("nft", "add table ip trial")
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        return f"network namespaces are not allowed here: {str(error).splitlines()[-1]}"
    return ""


def _names() -> list[str]:
    listed = run("ip", "netns", "list").splitlines()
    return [name for line in listed if (name := line.partition(" ")[0]).startswith(_PREFIX)]


def _remove(full_name: str) -> None:
    """Kill what runs in it, and then the namespace: its interfaces go with it, and the other ends of its cables."""
    if full_name not in _names():
        return
    for process_id in run("ip", "netns", "pids", full_name).split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(process_id), signal.SIGKILL)
    run("ip", "netns", "del", full_name)
