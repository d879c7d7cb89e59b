from collections.abc import Generator
from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.models import Catalog
from crofter.node.model_view import NamedFiles, details, summary
from crofter.store import Database, ModelRecords
from tests.gguf_files import write_tiny_llama


@pytest.fixture
def catalog(tmp_path: Path) -> Generator[Catalog]:
    write_tiny_llama(tmp_path / "tiny.gguf")
    database = Database.open(tmp_path / "crofter.db", b"k" * 32)
    catalog = Catalog(ModelRecords(database), tmp_path / "models")
    catalog.add(str(tmp_path / "tiny.gguf"), "tiny", lambda _done, _total: None)
    yield catalog
    database.close()


def test_a_name_becomes_a_file_to_load(catalog: Catalog) -> None:
    file = NamedFiles(catalog).resolve("tiny")
    assert file.name == "tiny"
    assert file.path.is_file()


def test_an_unknown_name_is_refused(catalog: Catalog) -> None:
    with pytest.raises(CrofterError) as raised:
        NamedFiles(catalog).resolve("huge")
    assert raised.value.code is ErrorCode.MODEL_NOT_FOUND


def test_the_owner_sees_what_the_file_says(catalog: Catalog) -> None:
    model = next(model for model in catalog.installed() if model.name == "tiny")
    shown = details(model, {"threads": 2})
    assert shown.summary == summary(model)
    assert shown.summary.default
    assert (shown.layer_count, shown.tuning) == (2, {"threads": 2})
    assert sum(shown.tensor_types.values()) > 10
