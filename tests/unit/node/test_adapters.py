from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.node.adapters import adapter_files


def test_an_adapter_is_found_by_name(tmp_path: Path) -> None:
    (tmp_path / "style.gguf").touch()
    assert adapter_files(tmp_path)("style") == tmp_path / "style.gguf"
    assert adapter_files(tmp_path)("style.gguf") == tmp_path / "style.gguf"


@pytest.mark.parametrize("name", ["other", "../secret", "/etc/passwd", "folder/style", ".hidden", ""])
def test_nothing_outside_the_folder_can_be_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "adapters").mkdir()
    (tmp_path / "secret.gguf").touch()
    with pytest.raises(CrofterError) as refused:
        adapter_files(tmp_path / "adapters")(name)
    assert refused.value.code is ErrorCode.NOT_FOUND
