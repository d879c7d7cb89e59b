"""uv, which installs everything: where it is, and the user's pip configuration in its words."""

import ast
import os
import re
import shutil
import sys
from pathlib import Path

from bootstrap.places import TOOLS
from bootstrap.steps import SetupError, Step, output_of, run_quietly

# What pip is configured with here, and what uv calls it: uv reads none of pip's settings.
_UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
    "trusted-host": "UV_INSECURE_HOST",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
}


def pip_settings(listing: str) -> dict[str, str]:
    """The uv environment that means the same as `pip config list`; PIP_* variables win, folders that do not exist are left out."""
    settings: dict[str, str] = {}
    for line in sorted(listing.splitlines(), key=lambda text: text.startswith(":env:")):
        key, _, quoted = line.partition("=")
        name = _UV_NAMES.get(key.rpartition(".")[2])
        if name is None or not quoted:
            continue
        places = [place for place in str(ast.literal_eval(quoted)).split() if _exists(place)]
        if places:
            settings[name] = ("," if name == "UV_FIND_LINKS" else " ").join(places)
    return settings


def _exists(place: str) -> bool:
    if place.startswith("file:"):
        from urllib.parse import urlparse
        from urllib.request import url2pathname

        return Path(url2pathname(urlparse(place).path)).exists()
    return not place.startswith("/") or Path(place).exists()


def uv_environment() -> dict[str, str]:
    """The environment for uv: the user's, with pip's configuration added where uv has no setting of its own yet."""
    # An environment that uv made has no pip; the Python that it was made of may.
    pythons: tuple[str, ...] = (sys.executable, getattr(sys, "_base_executable", sys.executable))
    listing = next(filter(None, (output_of([python, "-m", "pip", "config", "list"]) for python in pythons)), "")
    environment = {**pip_settings(listing), **os.environ}
    # As pip: all indexes are equal; hashes guard the content.
    environment.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    environment.update(UV_NO_PROGRESS="1", UV_PYTHON_DOWNLOADS="never")
    environment.pop("VIRTUAL_ENV", None)
    return environment


def find_uv() -> Path:
    """uv from PATH or .tools; fetched with pip when there is none."""
    local = [TOOLS / folder / name for folder in ("bin", "Scripts") for name in ("uv", "uv.exe")]
    for candidate in (*local, shutil.which("uv")):
        version = re.match(r"uv (\d+)\.(\d+)", output_of([str(candidate), "--version"])) if candidate else None
        if candidate and version and (int(version[1]), int(version[2])) >= (0, 8):
            return Path(candidate)
    with Step("Fetching uv, the installer") as step:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", TOOLS, "uv>=0.8"]
        try:
            run_quietly(command, step, os.environ)
        except SetupError as error:
            raise SetupError(
                f"{error}\nIf pip is missing: `apt-get install python3-pip`, or install uv yourself; then run this again."
            ) from None
    return next(path for path in local if path.exists())
