"""What start.py and bootstrap/ promise before there is an environment to run tests in."""

import ast
import sys
import tomllib
from pathlib import Path

from bootstrap.engine import engine_version
from bootstrap.uv import pip_settings


def test_old_python_can_read_the_file_and_so_shows_the_message(checkout: Path) -> None:
    tree = ast.parse((checkout / "start.py").read_text(encoding="utf-8"), feature_version=(3, 8))

    assert isinstance(tree.body[3], ast.If)


def test_only_the_standard_library_is_imported(checkout: Path) -> None:
    for path in (checkout / "start.py", *(checkout / "bootstrap").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert {name.partition(".")[0] for name in names} <= {"bootstrap", *sys.stdlib_module_names}, path


def test_pip_configuration_becomes_uv_settings(tmp_path: Path) -> None:
    listing = (
        f":env:.find-links='{tmp_path}'\nglobal.find-links='/nowhere/at-all'\n"
        f"global.extra-index-url='file://{tmp_path} file:///nowhere/at-all'\nglobal.unknown='1'\n"
    )

    assert pip_settings(listing) == {"UV_FIND_LINKS": str(tmp_path), "UV_INDEX": f"file://{tmp_path}"}


def test_engine_lock_names_the_version_the_package_asks_for(checkout: Path) -> None:
    settings = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))

    assert f"llama-cpp-python=={engine_version()}" in settings["project"]["dependencies"]
