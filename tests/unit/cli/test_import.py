import click
import pytest

from crofter.api import FoundModel
from crofter.cli.commands.import_ import picked

MODELS = [
    FoundModel(
        name=name,
        program="ollama",
        parts=(f"/{name}",),
        projector="",
        size_bytes=1,
        quantization="Q8_0",
        architecture="llama",
        parameter_count=1,
    )
    for name in ("a:1b", "b", "c", "d")
]


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ("", []),
        ("2", ["b"]),
        ("1, 3-4", ["a:1b", "c", "d"]),
        ("a:1b c", ["a:1b", "c"]),
        (" ALL ", ["a:1b", "b", "c", "d"]),
    ],
)
def test_models_are_picked_by_number_range_or_name(answer: str, names: list[str]) -> None:
    assert [model.name for model in picked(answer, MODELS)] == names


@pytest.mark.parametrize("answer", ["0", "5", "3-2", "e", "1-9", "-1"])
def test_what_is_not_in_the_list_is_refused(answer: str) -> None:
    with pytest.raises(click.UsageError, match="in the list"):
        picked(answer, MODELS)
