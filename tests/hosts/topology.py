"""Networks to put machines into: one local network, an internet whose lines have delay, homes behind a router with NAT.

Addresses of the internet are ones that the node takes for global, which those set aside for documentation are not.
"""

from contextlib import ExitStack
from typing import Literal, Self

from tests.hosts.namespaces import Namespace, connect
from tests.hosts.programs import Program

Nat = Literal["full cone", "port-restricted cone", "symmetric"]
NODE_PORT = 7412

_MASQUERADES: dict[Nat, str] = {
    # Linux keeps the port of whoever has it first, whomever they speak to: the same address for all the world.
    "full cone": "masquerade",
    "port-restricted cone": "masquerade",
    "symmetric": "masquerade fully-random",
}
_RULES = """
table ip home {{
    chain out {{
        type nat hook postrouting priority srcnat
        oifname "wan" {masquerade}
    }}
    chain in {{
        type nat hook prerouting priority dstnat
        {forwarding}
    }}
    # Without this an uninvited packet takes its port in the table of connections, and the home's own next one gets another.
    chain router {{
        type filter hook input priority filter
        iifname "wan" ct state new drop
    }}
    chain through {{
        type filter hook forward priority filter
        ct status dnat accept
        iifname "wan" ct state new drop
    }}
}}
"""


class Line:
    """A line between two machines, with a device at each end."""

    def __init__(self, program: Program) -> None:
        self._program = program
        assert program.line() == "ready"

    def cut(self) -> None:
        """From now on all packets vanish, both ways, and nobody is told."""
        self._do("cut")

    def heal(self) -> None:
        """As before."""
        self._do("heal")

    def _do(self, what: str) -> None:
        self._program.say(what)
        assert self._program.line() == "done"


class Networks:
    """Makes machines and what connects them; the end of the context removes it all."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def machine(self, name: str) -> Namespace:
        """A machine that is connected to nothing."""
        return self._stack.enter_context(Namespace(name))

    def router(self, name: str) -> Namespace:
        """One that passes packets on."""
        machine = self.machine(name)
        machine.set("net.ipv4.ip_forward", "1")
        return machine

    def local_network(self, *machines: Namespace) -> list[str]:
        """Connect machines by a switch; their addresses in order."""
        switch = self.machine(f"switch{self._number()}")
        switch.ip("link", "add", "bridge", "type", "bridge")
        switch.ip("link", "set", "bridge", "up")
        addresses: list[str] = []
        for number, machine in enumerate(machines, 1):
            connect(switch, f"port{number}", machine, "lan")
            switch.ip("link", "set", f"port{number}", "master", "bridge")
            addresses.append(f"192.168.1.{number}")
            machine.ip("addr", "add", f"{addresses[-1]}/24", "dev", "lan")
        return addresses

    def join(
        self,
        internet: Namespace,
        site: Namespace,
        *,
        delay_ms: float = 0.0,
        loss: float = 0.0,
        megabits: float = 0.0,
        interface: str = "wan",
    ) -> tuple[str, Line]:
        """Connect a machine with the internet (a router); its address there, and the line.

        The delay is one way, `loss` a share of the packets, and `megabits` a second; 0: no limit.
        """
        number = self._number()
        far = f"site{number}"
        near = f"line{number}"
        program = Program(internet, "delay.py", far, near, str(delay_ms), str(loss), str(megabits))
        line = Line(self._stack.enter_context(program))
        internet.ip("link", "set", near, "name", interface, "netns", site.full_name)
        self._address(internet, far, f"12.0.{number}.1")
        self._address(site, interface, address := f"12.0.{number}.2")
        site.ip("route", "replace", "default", "via", f"12.0.{number}.1", "dev", interface)
        return address, line

    def roam(self, internet: Namespace, site: Namespace, *, delay_ms: float = 0.0) -> str:
        """A machine of the internet leaves its line for another network, as a phone leaves its Wi-Fi; its new address."""
        address, _ = self.join(internet, site, delay_ms=delay_ms, interface="next")
        site.ip("link", "del", "wan")
        return address

    def home(self, internet: Namespace, name: str, nat: Nat, *, delay_ms: float = 0.0) -> tuple[Namespace, str]:
        """A machine behind a router of its own with this kind of NAT; and the router's address."""
        router, machine = self.router(f"{name}-router"), self.machine(name)
        address, _ = self.join(internet, router, delay_ms=delay_ms)
        connect(router, "home", machine, "lan")
        self._address(router, "home", "192.168.1.1")
        self._address(machine, "lan", "192.168.1.2")
        machine.ip("route", "add", "default", "via", "192.168.1.1")
        forwarding = f'iifname "wan" udp dport {NODE_PORT} dnat to 192.168.1.2' if nat == "full cone" else ""
        router.run("nft", "-f", "-", text=_RULES.format(masquerade=_MASQUERADES[nat], forwarding=forwarding))
        return machine, address

    def _address(self, machine: Namespace, interface: str, address: str) -> None:
        machine.ip("addr", "add", f"{address}/24", "dev", interface)
        machine.ip("link", "set", interface, "up")

    def _number(self) -> int:
        self._count += 1
        return self._count
