"""Each guard sees the violation that it exists for, and the real checkout has none."""

from collections.abc import Callable
from pathlib import Path

import pytest

from checks.guards import find_all

LONG_FILE = "value = 1\n" * 601
LONG_FUNCTION = "def grow() -> None:\n" + "    print()\n" * 60


def test_real_checkout_passes_every_guard(checkout: Path) -> None:
    assert [str(finding) for finding in find_all(checkout)] == []


def test_empty_rooms_pass_every_guard(copied_tree: Path) -> None:
    assert find_all(copied_tree) == []


@pytest.mark.parametrize(
    ("path", "text", "complaint"),
    [
        ("src/crofter/api/a.py", "from crofter.models.registry import ModelRegistry\n", "its front door"),
        ("src/crofter/api/a.py", "import crofter.models.registry\n", "its front door"),
        ("src/crofter/api/a.py", "def late() -> None:\n    from crofter.router.plan import rank\n", "its front door"),
        ("src/crofter/api/a.py", "from crofter.network import dial\n", "`api` never imports `network`"),
        ("src/crofter/api/a.py", "from crofter import trust\n", "`api` never imports `trust`"),
        ("src/crofter/router/a.py", "import crofter.providers\n", "`router` never imports `providers`"),
        ("src/crofter/router/a.py", "import crofter.store\n", "`router` never imports `store`"),
        ("src/crofter/engine/a.py", "from crofter.store import Database\n", "`engine` never imports `store`"),
        ("src/crofter/client/a.py", "import crofter.engine\n", "`client` never imports `engine`"),
        ("src/crofter/integrations/a.py", "import crofter.node\n", "`integrations` never imports `node`"),
        ("src/crofter/utils/__init__.py", "", "says nothing"),
        ("src/crofter/api/helpers.py", "", "says nothing"),
        ("src/crofter/api/a.py", LONG_FILE, "601 lines"),
        ("src/crofter/api/a.py", LONG_FUNCTION, "61 lines"),
        ("src/crofter/api/a.py", "import pickle\n", "runs what the bytes say"),
        ("tests/a.py", "from marshal import loads\n", "runs what the bytes say"),
        ("bench/a.py", "eval('1')\n", "runs text as code"),
        ("start.py", "exec('1')\n", "runs text as code"),
        ("requirements/extra.txt", "--index-url https://mirror.example/simple\n", "names a host"),
        ("web/package-lock.json", '{"resolved": "https://mirror.example/a.tgz"}\n', "names a host"),
        ("requirements/extra.txt", "click==8.2\n", "not pinned"),
        ("requirements/extra.txt", "click>=8.2 \\\n    --hash=sha256:00\n", "not pinned"),
    ],
)
def test_planted_violation_is_found(
    copied_tree: Path, plant: Callable[[str, str], None], path: str, text: str, complaint: str
) -> None:
    plant(path, text)

    findings = find_all(copied_tree)

    assert any(finding.path.startswith(path) and complaint in finding.text for finding in findings)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("src/crofter/api/a.py", "from crofter.models import ModelRegistry\n"),
        ("src/crofter/api/a.py", "from crofter.api.errors import table\n"),
        ("src/crofter/cli/a.py", "from crofter.api.administration import NodeStatus\n"),
        ("tests/unit/api/test_a.py", "from crofter.models.registry import ModelRegistry\n"),
        ("src/crofter/api/a.py", "import re\nre.compile('a')\n"),
    ],
)
def test_what_is_allowed_is_not_reported(
    copied_tree: Path, plant: Callable[[str, str], None], path: str, text: str
) -> None:
    plant(path, text)

    assert find_all(copied_tree) == []


def test_excuse_for_a_large_function_is_accepted(copied_tree: Path, plant: Callable[[str, str], None]) -> None:
    plant("src/crofter/api/a.py", LONG_FUNCTION)
    _excuse(copied_tree, '{ "src/crofter/api/a.py:grow" = "a table" }')

    assert find_all(copied_tree) == []


def test_excuse_that_nothing_needs_is_reported(copied_tree: Path) -> None:
    _excuse(copied_tree, '{ "src/crofter/api/gone.py" = "was long once" }')

    assert ["remove the entry" in finding.text for finding in find_all(copied_tree)] == [True]


def _excuse(root: Path, exceptions: str) -> None:
    settings = root / "pyproject.toml"
    lines = settings.read_text(encoding="utf-8").splitlines()
    changed = [f"size_exceptions = {exceptions}" if line.startswith("size_exceptions = ") else line for line in lines]
    assert changed != lines
    settings.write_text("\n".join(changed), encoding="utf-8")
