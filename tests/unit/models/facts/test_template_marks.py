"""What templates show, in the idioms that the makers of models use."""

import time

import pytest

from crofter.models.facts.template_marks import reasons, takes_tools

TOOLS = [
    "{%- if tools %}{{- '<tools>' }}{%- for tool in tools %}{{- tool | tojson }}{%- endfor %}{%- endif %}",  # Qwen, GLM
    "{%- if not tools is defined %}{%- set tools = none %}{%- endif %}{%- if tools is not none %}{%- endif %}",  # Llama 3.1
    "{%- if tools is not none and (message == user_messages[-1]) %}{{- '[AVAILABLE_TOOLS]' }}{%- endif %}",  # Mistral
    "{% if tools or documents %}## Tool Use{% endif %}",  # Command R7B
    "{{- '<|tool|>' + (tools | tojson) }}",
    "{%- set options = {'a': {'b': 1}} if tools else {} %}",
    '{{- "it\\"s }} quoted" ~ tools }}',
]
NO_TOOLS = [
    "{% for item in messages %}{% if item['tools'] is defined %}{{ item['tools'] }}{% endif %}{% endfor %}",  # GLM 4
    "{% if message['role'] == 'system' and 'tools' in message %}<|tool|>{% endif %}",  # Phi 4 mini
    "{%- for tool in message['tool_calls'] -%}{{ '<tool_calls>' }}{%- endfor -%}",  # DeepSeek R1
    "{% if message.tools %}{% endif %}{% set builtin_tools = [] %}{% set stools = 1 %}",
    "{#- accepts `tools` and {{ tools }} -#}{{ messages }}",  # gpt-oss says so in a comment
    "You have no tools. {{ 'tools' }} {{ \"tools\" }} { tools }",
    "{{ messages }}",
    "",
]
REASONING = [
    "{%- if enable_thinking is defined and enable_thinking is false %}{{- '\\n\\n' }}{%- endif %}",  # Qwen3
    "{{'<\uff5cAssistant\uff5c><think>\\n'}}",  # DeepSeek R1
    "{{- '<|start|>assistant<|channel|>analysis<|message|>' }}",  # gpt-oss
    "{%- if thinking %}{%- set system = 'Write your thoughts between <think></think>.' %}{%- endif %}",  # Granite 3.3
    "{{ '[THINK]' + message.thinking + '[/THINK]' }}",  # Magistral
    "<|START_THINKING|>{{ message.plan }}<|END_THINKING|>",  # Command A
    "{%- if m.reasoning_content is string %}{%- endif %}",  # GLM 4.5
    "{{- '<|think|>' -}}",  # Gemma 4
    "{{ '<seed:think>' }}",
]
NO_REASONING = [
    "{%- if '</think>' in content %}{%- set content = content.split('</think>')[-1] %}{%- endif %}",  # removes, never opens
    "{# <think> is for others #}{{ messages }}",
    "I think, therefore {{ messages }}; reasoning is fine.",
    "",
]


@pytest.mark.parametrize("template", TOOLS)
def test_a_template_that_reads_tools_takes_them(template: str) -> None:
    assert takes_tools(template)


@pytest.mark.parametrize("template", NO_TOOLS)
def test_speaking_of_tools_is_not_taking_them(template: str) -> None:
    assert not takes_tools(template)


@pytest.mark.parametrize("template", REASONING)
def test_marks_of_thinking_are_known(template: str) -> None:
    assert reasons(template)


@pytest.mark.parametrize("template", NO_REASONING)
def test_only_what_opens_thinking_is_reasoning(template: str) -> None:
    assert not reasons(template)


@pytest.mark.parametrize("piece", ["{", "{{", "{%", "{#", "{{'", '{{"\\', "{{'a'", "{{}}{%%}", "'", "{{''"])
def test_a_hostile_template_is_read_in_one_pass(piece: str) -> None:
    short, long = (_seconds(piece * count) for count in (20_000, 200_000))
    assert long < 40 * max(short, 0.01)  # quadratic would be a hundred times as long


def _seconds(template: str) -> float:
    started = time.process_time()
    takes_tools(template)
    reasons(template)
    return time.process_time() - started
