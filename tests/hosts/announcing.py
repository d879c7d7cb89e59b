"""A program: one node's sight of its local network, without the rest of Crofter.

`SEED ADDRESS` announces an id made of that number at that address, and prints a line of JSON for each node it sees.
"""

import json
import sys

import anyio

from crofter.core import NodeId
from crofter.network.discovery import Here, LocalNetwork
from crofter.network.records import NETWORK_TAG_BYTES

_LOOK_SECONDS = 0.05


async def main(*arguments: str) -> None:
    number, address = arguments
    here = Here(
        own_id=NodeId(bytes([int(number)]) * 32),
        network=bytes(NETWORK_TAG_BYTES),
        reach=lambda: "lan",
        is_kept=lambda _: False,
    )
    local = LocalNetwork(here, "lan")
    told: set[NodeId] = set()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(local.run, lambda: (address,))
        while True:
            for seen in local.nearby():
                if seen.node_id not in told:
                    told.add(seen.node_id)
                    sys.stdout.write(f"{json.dumps({'id': seen.node_id.hex(), 'addresses': seen.addresses})}\n")
                    sys.stdout.flush()
            await anyio.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
