"""Tools for models that know none, and arguments in either form."""

import pytest

from crofter.core import ChatPrompt, Message
from crofter.engine.worker.calls import parsed_arguments, told_in_words, written_arguments

TOOLS = ({"type": "function", "function": {"name": "add", "parameters": {}}},)
CALL = {"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}


def test_tools_are_told_in_the_system_message_that_is_there() -> None:
    prompt = told_in_words(
        ChatPrompt(
            messages=(Message(role="system", content="Be brief."), Message(role="user", content="Hi")), tools=TOOLS
        )
    )
    assert prompt.tools == ()
    system, user = prompt.messages
    assert (system.content or "").startswith("Be brief.\n\n")
    assert '{"name": "add", "parameters": {}}' in (system.content or "")
    assert user.content == "Hi"


def test_without_a_system_message_there_is_one_then() -> None:
    prompt = told_in_words(ChatPrompt(messages=(Message(role="user", content="Hi"),), tools=TOOLS))
    assert [message.role for message in prompt.messages] == ["system", "user"]


def test_calls_and_results_become_text_and_roles_alternate() -> None:
    prompt = told_in_words(
        ChatPrompt(
            messages=(
                Message(role="user", content="Add"),
                Message(role="assistant", content="Well.", tool_calls=(CALL, CALL)),
                Message(role="tool", content="1", tool_call_id="1"),
                Message(role="tool", content="2", tool_call_id="2"),
                Message(role="user", content="Thanks"),
            ),
            tools=TOOLS,
        )
    )
    assert [message.role for message in prompt.messages] == ["system", "user", "assistant", "user"]
    written = '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>'
    assert prompt.messages[2].content == f"Well.\n{written}\n{written}"
    results = "<tool_response>\n1\n</tool_response>\n<tool_response>\n2\n</tool_response>\nThanks"
    assert prompt.messages[3].content == results


@pytest.mark.parametrize(
    ("given", "parsed", "written"),
    [
        ('{"a": 1}', {"a": 1}, '{"a": 1}'),
        ({"a": "ä"}, {"a": "ä"}, '{"a": "ä"}'),
        ("", {}, ""),
        (None, {}, "{}"),
        ("no json", "no json", "no json"),
        ("[1]", "[1]", "[1]"),
    ],
)
def test_arguments_come_as_text_or_as_an_object(given: object, parsed: object, written: str) -> None:
    assert parsed_arguments(given) == parsed
    assert written_arguments(given) == written
