"""Standard tests that the model in the box cannot pass, each with its reason. One that passes is an error, so the list shrinks."""

import pytest

FREE_STRINGS = "a model of this size does not end a string that no schema limits"
EXCLUDED = {
    "test_tool_calling[model0]": "wants the number of the question in the call, which takes a larger model",
    "test_tool_calling[model1]": "the same",
    "test_tool_calling_async": "the same",
    "test_unicode_tool_call_integration": "wants a name of the question in the call, which takes a larger model",
    "test_structured_output[pydantic]": FREE_STRINGS,
    "test_structured_output_async[pydantic]": FREE_STRINGS,
    "test_structured_output_pydantic_2_v1": FREE_STRINGS,
    "test_json_mode": "wants two keys that only the words of the question name",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them."""
    for item in items:
        if item.name in EXCLUDED:
            item.add_marker(pytest.mark.xfail(reason=EXCLUDED[item.name], strict=True))
