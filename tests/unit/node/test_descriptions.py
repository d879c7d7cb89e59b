from crofter.node.descriptions import field_descriptions


class Example:
    """The class."""

    first: int = 1
    """What first does,
    on two lines."""
    second: int = 2
    third: int = 3
    """What third does."""


def test_the_text_under_a_field_is_its_description() -> None:
    assert field_descriptions(Example) == {"first": "What first does,\non two lines.", "third": "What third does."}
