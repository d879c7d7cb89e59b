"""Our own guards, together. `python -m checks.guards ROOT` prints what they find; tests plant a violation for each."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from checks.dangers import find_code_from_data, find_hosts_in_locks, find_unhashed_locks
from checks.front_doors import find_buckets, find_narrow_breaks, find_side_doors
from checks.sizes import find_oversized
from checks.tree import Finding

GUARDS: tuple[Callable[[Path], Iterator[Finding]], ...] = (
    find_side_doors,
    find_narrow_breaks,
    find_buckets,
    find_oversized,
    find_code_from_data,
    find_hosts_in_locks,
    find_unhashed_locks,
)


def find_all(root: Path) -> list[Finding]:
    """Every violation in the checkout at `root`."""
    return [finding for guard in GUARDS for finding in guard(root)]


if __name__ == "__main__":
    findings = find_all(Path(sys.argv[1]))
    print("\n".join(map(str, findings)))
    sys.exit(bool(findings))
