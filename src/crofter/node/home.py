"""The node's folder: where things lie, who may read them, and which process owns it now."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import platformdirs

from crofter.core import CrofterError, ErrorCode

from .locks import held, take


class RunningNode(msgspec.Struct, frozen=True, kw_only=True):
    """`run/node.json`: how the owner's programs find and prove themselves to the running node."""

    pid: int
    url: str
    administrator_token: str
    started_at: float
    version: str


class Home:
    """Paths under one `$CROFTER_HOME`. Making one touches nothing; `prepare` creates the folders."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config_file = root / "config.toml"
        self.database_file = root / "crofter.db"
        self.store_key_file = root / "store.key"
        self.identity_file = root / "identity.key"
        self.models_folder = root / "models"
        self.adapters_folder = root / "adapters"
        self.logs_folder = root / "logs"
        self.run_folder = root / "run"
        self.log_file = self.logs_folder / "node.log"
        self.start_log_file = self.logs_folder / "start.log"
        self.running_file = self.run_folder / "node.json"
        self.lock_file = self.run_folder / "lock"
        self.identity_lock_file = self.run_folder / "identity.lock"
        self.chat_history_file = root / "chat_history"
        self.families_file = root / "families.json"
        self.swarm_folder = root / "swarm"

    @classmethod
    def from_environment(cls, override: str | None = None) -> "Home":
        """The folder a flag names, else $CROFTER_HOME, else the platform's data directory."""
        chosen = override or os.environ.get("CROFTER_HOME")
        root = Path(chosen).expanduser() if chosen else platformdirs.user_data_path("crofter")
        return cls(root.absolute())

    def prepare(self) -> None:
        """Create the folders, readable by their owner only. Raises STORE_FAILED when that is not possible."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.models_folder, self.adapters_folder, self.logs_folder, self.run_folder):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise CrofterError(
                ErrorCode.STORE_FAILED,
                f"cannot use {self.root}: {error.strerror}. Choose another folder with --home or CROFTER_HOME.",
            ) from error

    @contextmanager
    def lock(self) -> Generator[None]:
        """Own this home while the block runs; the system frees it even when the process is killed.

        Raises CONFLICT when another node owns it. A `node.json` left by a killed node is removed.
        """
        with held(self.lock_file, self._occupied):
            self.running_file.unlink(missing_ok=True)
            yield

    def is_locked(self) -> bool:
        """Whether a live node owns this home."""
        try:
            descriptor = os.open(self.lock_file, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            return not take(descriptor, fcntl.LOCK_SH, 0.0)
        finally:
            os.close(descriptor)

    def running(self) -> RunningNode | None:
        """The node that serves this home now; None while none does, or while it is still starting."""
        try:
            content = self.running_file.read_bytes()
        except FileNotFoundError:
            return None
        if not self.is_locked():
            return None
        try:
            return msgspec.json.decode(content, type=RunningNode)
        except msgspec.DecodeError:
            return None

    @contextmanager
    def announced(self, node: RunningNode) -> Generator[None]:
        """Publish how to reach the node, for its owner's eyes only, while the block runs."""
        draft = self.running_file.with_suffix(".tmp")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(node))
        draft.replace(self.running_file)
        try:
            yield
        finally:
            self.running_file.unlink(missing_ok=True)

    def _occupied(self) -> str:
        node = self.running()
        where = f"at {node.url} (process {node.pid})" if node else "and is still starting"
        return (
            f"a node already runs on {self.root} {where}. Stop it with `crofter down`, or give this one its own --home."
        )
