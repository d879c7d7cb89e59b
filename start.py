#!/usr/bin/env python3
"""Sets Crofter up in this checkout and runs it. Needs Python 3.11 with pip, and nothing else.

    python3 start.py             set up, start the node and open a chat (without a terminal: serve until stopped)
    python3 start.py test        set up the development tools and run the whole check (--all: slow tests too)
    python3 start.py ARGS...     the same as `crofter ARGS...`

Everything it makes lies in .tools, .venv and .cache of the checkout; deleting them undoes it. How it does that is in bootstrap/.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # this file must stay readable for Python 3.8, so that this line is reached
    sys.exit(
        "Crofter needs Python 3.11 or newer; this is Python %d.%d (%s).\nInstall a newer one and run, for example: python3.12 start.py"
        % (sys.version_info[0], sys.version_info[1], sys.executable)
    )

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bootstrap.environment import is_ready, set_up
from bootstrap.places import CROFTER, PYTHON, ROOT, WINDOWS
from bootstrap.steps import SetupError, say


def become(command: Sequence[str | Path]) -> int:
    """Turn into `command`, so that signals, the terminal and the exit status are its own; Windows can only wait for it."""
    arguments = list(map(str, command))
    if not WINDOWS:
        os.execv(arguments[0], arguments)
    return subprocess.run(arguments, check=False).returncode


def serve() -> int:
    """Start the node; with a terminal to talk through, start it in the background if need be and open a chat."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return become([CROFTER, "up"])
    if subprocess.run([CROFTER, "status", "--json"], capture_output=True, check=False).returncode != 0:
        started = subprocess.run([CROFTER, "up", "--detach"], check=False)
        if started.returncode != 0:
            return started.returncode
    return become([CROFTER, "chat"])


def main(arguments: list[str]) -> int:
    testing = arguments[:1] == ["test"]
    kind = "development" if testing else "runtime"
    try:
        if not is_ready(kind):
            set_up(kind)
    except SetupError as error:
        say(f"\n{error}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped. Run it again to continue where it was.")
        return 130
    if testing:
        os.chdir(ROOT)
        return become([PYTHON, "-m", "checks", *arguments[1:]])
    return become([CROFTER, *arguments]) if arguments else serve()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
