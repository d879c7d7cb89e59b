"""Chat templates render as their models expect, and hostile ones fail without harm."""

import sys
from collections.abc import Iterator

import msgspec
import pytest

from crofter.core import ChatPrompt, CrofterError, ErrorCode, MediaPart, Message
from crofter.engine.worker.renderer import Renderer
from crofter.engine.worker.template import ChatTemplate

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class Templates:
    """Makes templates and ends their processes."""

    def __init__(self) -> None:
        self._renderers: list[Renderer] = []

    def __call__(self, source: str | None) -> ChatTemplate:
        self._renderers.append(Renderer(limit_seconds=1.0))
        return ChatTemplate(self._renderers[-1], source, bos_token="<s>", eos_token="</s>")

    def close(self) -> None:
        for renderer in self._renderers:
            renderer.close()


@pytest.fixture
def template() -> Iterator[Templates]:
    templates = Templates()
    yield templates
    templates.close()


def prompt(*contents: tuple[str, str]) -> ChatPrompt:
    return ChatPrompt(messages=tuple(Message(role=role, content=content) for role, content in contents))


HELLO = prompt(("user", "Hello"))


def error_of(template: ChatTemplate, chat: ChatPrompt = HELLO) -> CrofterError:
    with pytest.raises(CrofterError) as caught:
        template.render(chat)
    return caught.value


def test_a_conversation_is_rendered_with_the_opening_of_the_answer(template: Templates) -> None:
    text = template(CHATML).render(prompt(("system", "Be brief."), ("user", "Hello")))
    assert text == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    )


def test_markers_tools_and_arguments_reach_the_template(template: Templates) -> None:
    source = (
        "{{ bos_token }}{{ messages[0].content }}{{ tools[0].name }}{{ enable_thinking }}{{ messages[0] | tojson }}"
    )
    chat = ChatPrompt(
        messages=(Message(role="user", content="<Hi>"),),
        tools=({"name": "clock"},),
        template_arguments={"enable_thinking": 1},
    )
    assert template(source).render(chat) == '<s><Hi>clock1{"role": "user", "content": "<Hi>"}'


def test_the_idioms_of_real_templates_work(template: Templates) -> None:
    source = (
        "{%- macro walk(value) -%}{%- if value is mapping -%}{%- for key, each in value | dictsort -%}"
        "{{ key }}={{ walk(each) }};{%- endfor -%}{%- else -%}{{ value }}{%- endif -%}{%- endmacro -%}"
        "{%- set ns = namespace(last=-1, text='') -%}"
        "{%- for m in messages[::-1] -%}{%- if m.role == 'user' -%}{%- set ns.last = loop.index0 -%}{%- break -%}{%- endif -%}"
        "{%- endfor -%}"
        "{%- if not tools is defined or tools is none -%}no tools{%- else -%}{{ walk(tools[0]) }}{%- endif -%}"
        "{%- for m in messages -%}{%- if m.role == 'system' -%}{%- continue -%}{%- endif -%}"
        "{%- set content = m.content.split('</think>')[-1].lstrip('\n') if m.content is string else '' -%}"
        "{%- set ns.text = ns.text ~ '<' + m['role'] + '>' + content | trim -%}{%- endfor -%}"
        "{{ ns.text }}[{{ ns.last }}]{{ strftime_now('%Y') | length }}"
        "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}"
    )
    chat = prompt(("system", "S"), ("user", "A"), ("assistant", "<think>hm</think>\n B "), ("user", "C"))
    assert template(source).render(chat) == "no tools<user>A<assistant>B<user>C[0]42"
    chat = msgspec.structs.replace(chat, tools=({"b": {"y": 2, "x": 1}, "a": "z"},))
    assert template(source).render(chat).startswith("a=z;b=x=1;y=2;;<user>A")


def test_what_a_template_says_against_a_request_is_cut_short(template: Templates) -> None:
    error = error_of(template("{{ raise_exception('no' * 50000) }}"))
    assert error.code is ErrorCode.INVALID_REQUEST
    assert len(error.message) < 1000


def test_a_template_without_system_role_gets_the_system_text_in_the_first_user_message(template: Templates) -> None:
    source = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}{{ m.content }}{% endfor %}"
    assert template(source).render(prompt(("system", "Be brief."), ("user", "Hello"))) == "Be brief.\n\nHello"


def test_a_refusal_of_the_template_is_the_callers_error(template: Templates) -> None:
    error = error_of(template("{{ raise_exception('roles must alternate') }}"))
    assert error.code is ErrorCode.INVALID_REQUEST
    assert "roles must alternate" in error.message


def test_no_template_says_what_to_use(template: Templates) -> None:
    assert error_of(template(None)).code is ErrorCode.UNSUPPORTED


def test_an_argument_cannot_replace_what_the_node_gives(template: Templates) -> None:
    chat = msgspec.structs.replace(HELLO, template_arguments={"bos_token": "<other>"})
    assert error_of(template(CHATML), chat).code is ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize(
    "source",
    [
        "{% for %}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}{{ messages[0].content }}",
        "{{ 'a' * 10**9 }}{{ messages[0].content }}",
        "{{ messages.append(1) }}{{ messages[0].content }}",
        "{% for i in range(100000) %}{{ 'x' * 1000 }}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% for i in range(10**9) %}{% endfor %}",
        "{{ lipsum(n=10**6) | length }}",
        "{{ undefined_function() }}",
        "{{ 1 / 0 }}",
        "nothing of the conversation",
    ],
)
def test_broken_and_hostile_templates_are_the_models_error(template: Templates, source: str) -> None:
    assert error_of(template(source)).code is ErrorCode.MODEL_INVALID


GREEDY = [
    "{% set x = namespace(s='aaaaaaaa') %}{% for i in range(60) %}{% set x.s = x.s ~ x.s %}{% endfor %}{{ x.s | length }}",
    "{% set x = namespace(s='aaaaaaaa') %}{% for i in range(60) %}{% set x.s = x.s + x.s %}{% endfor %}{{ x.s | length }}",
    "{{ '%999999999d' % 1 }}",
    "{{ '{:>9999999999}'.format(1) }}",
    "{{ 'x' | center(9999999999) }}",
    "{{ 'x'.ljust(9999999999) | length }}",
    "{{ ('x' * 100000) | replace('x', 'y' * 100000) | length }}",
    "{{ (['x' * 100000] * 100000) | join | length }}",
    "{{ (range(99999) | list | string).replace('', 'z' * 99999) | length }}",
    "{{ ('a\\n' * 100000) | indent(100000) | length }}",
    "{{ (1).to_bytes(9999999999, 'big') }}",
]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold a process to a limit of memory")
@pytest.mark.parametrize("source", GREEDY)
def test_a_template_gets_so_much_memory_and_no_more(template: Templates, source: str) -> None:
    error = error_of(template(source + "{{ messages[0].content }}"))
    assert error.code is ErrorCode.MODEL_INVALID
    assert "too much" in error.message


ENDLESS = [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "{% set x = namespace(n=3) %}{% for i in range(40) %}{% set x.n = x.n * x.n %}{% endfor %}",
    "{% set x = range(99999) | list %}{% for i in range(99999) %}{% if i in x | sort | reverse %}{% endif %}{% endfor %}",
]


@pytest.mark.parametrize("source", ENDLESS)
def test_a_template_gets_so_much_time_and_the_next_request_is_answered(template: Templates, source: str) -> None:
    chats = template("{% if messages[0].content == 'Trap' %}" + source + "{% endif %}" + CHATML)
    assert "too much time" in error_of(chats, prompt(("user", "Trap"))).message
    assert "Hello" in chats.render(HELLO)


def test_what_is_computed_while_compiling_is_limited_too(template: Templates) -> None:
    nested = "(" * 200_000 + ")" * 200_000
    for source in ("{{ " + nested + " }}", "{% if 1 %}" * 50_000, "{{ 'x' | center(99999999999) }}"):
        broken = template(source)
        assert error_of(broken).code is ErrorCode.MODEL_INVALID
        assert error_of(broken).code is ErrorCode.MODEL_INVALID  # and again, without another attempt that may take long


def test_system_messages_at_the_beginning_are_one(template: Templates) -> None:
    source = "{{ messages | length }}|{{ messages[0].content }}|{{ messages[1].content }}"
    said = template(source).render(prompt(("system", "One."), ("system", "Two."), ("user", "Hello")))
    assert said == "2|One.\n\nTwo.|Hello"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ messages[0].content }}{{ messages[1].tool_calls[0].function.arguments.a + 1 }}", "Add2"),
        ("{{ messages[0].content + messages[1].tool_calls[0].function.arguments }}", 'Add{"a": 1}'),
        (
            "{% if '' | length != 9 %}{{ messages[0].content }}{% endif %}{{ messages[1].tool_calls[0].id | length }}",
            "Add9",
        ),
    ],
)
def test_calls_come_as_the_template_needs_them(template: Templates, source: str, said: str) -> None:
    function = {"name": "add", "arguments": '{"a": 1}'}
    call = {"id": "call_1234567890", "type": "function", "function": function}
    messages = (Message(role="user", content="Add"), Message(role="assistant", tool_calls=(call,)))
    assert template(source).render(ChatPrompt(messages=messages)) == said


def test_contents_come_in_parts_where_a_template_that_sees_asks_for_them(template: Templates) -> None:
    source = (
        "{% for message in messages %}{{ message.role }}:{% for part in message.content %}"
        "{% if part.type == 'text' %}{{ part.text }}{% else %}<image>{% endif %}{% endfor %}|{% endfor %}"
    )
    part = MediaPart(kind="image", data=b"", marker="<lot-1>", place="messages[1].content[0]")
    chat = msgspec.structs.replace(prompt(("system", "Be brief."), ("user", "<lot-1>What is it?")), media=(part,))
    assert template(source).render(chat) == "system:Be brief.|user:<lot-1>What is it?|"
