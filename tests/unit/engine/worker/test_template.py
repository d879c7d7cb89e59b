"""Chat templates render as their models expect, and hostile ones fail without harm."""

import pytest

from crofter.core import ChatPrompt, CrofterError, ErrorCode, Message
from crofter.engine.worker.template import ChatTemplate

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def template(source: str | None) -> ChatTemplate:
    return ChatTemplate(source, bos_token="<s>", eos_token="</s>")


def prompt(*contents: tuple[str, str]) -> ChatPrompt:
    return ChatPrompt(messages=tuple(Message(role=role, content=content) for role, content in contents))


HELLO = prompt(("user", "Hello"))


def error_of(source: str | None, chat: ChatPrompt = HELLO) -> CrofterError:
    with pytest.raises(CrofterError) as caught:
        template(source).render(chat)
    return caught.value


def test_a_conversation_is_rendered_with_the_opening_of_the_answer() -> None:
    text = template(CHATML).render(prompt(("system", "Be brief."), ("user", "Hello")))
    assert text == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    )


def test_markers_tools_and_arguments_reach_the_template() -> None:
    source = (
        "{{ bos_token }}{{ messages[0].content }}{{ tools[0].name }}{{ enable_thinking }}{{ messages[0] | tojson }}"
    )
    chat = ChatPrompt(
        messages=(Message(role="user", content="<Hi>"),),
        tools=({"name": "clock"},),
        template_arguments={"enable_thinking": 1},
    )
    assert template(source).render(chat) == '<s><Hi>clock1{"role": "user", "content": "<Hi>"}'


def test_a_template_without_system_role_gets_the_system_text_in_the_first_user_message() -> None:
    source = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}{{ m.content }}{% endfor %}"
    assert template(source).render(prompt(("system", "Be brief."), ("user", "Hello"))) == "Be brief.\n\nHello"


def test_a_refusal_of_the_template_is_the_callers_error() -> None:
    error = error_of("{{ raise_exception('roles must alternate') }}")
    assert error.code is ErrorCode.INVALID_REQUEST
    assert "roles must alternate" in error.message


def test_no_template_says_what_to_use() -> None:
    assert error_of(None).code is ErrorCode.UNSUPPORTED


@pytest.mark.parametrize(
    "source",
    [
        "{% for %}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}{{ messages[0].content }}",
        "{{ 'a' * 10**9 }}{{ messages[0].content }}",
        "{{ messages.append(1) }}{{ messages[0].content }}",
        "{% for i in range(100000) %}{{ 'x' * 1000 }}{% endfor %}",
        "{{ undefined_function() }}",
        "{{ 1 / 0 }}",
        "nothing of the conversation",
    ],
)
def test_broken_and_hostile_templates_are_the_models_error(source: str) -> None:
    assert error_of(source).code is ErrorCode.MODEL_INVALID
