"""The chat template: ChatML with calls of tools in the notation of Mistral's models since 2025, and tools as calls with examples."""

import json
from typing import Any

START, END, END_OF_TEXT = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
SPECIAL_TOKENS = (END_OF_TEXT, START, END, "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
MARKS = ("<tools>", "</tools>", "[TOOL_CALLS]", "[ARGS]", "<tool_response>", "</tool_response>")
"""Tokens of their own that are text all the same: a client sees them and reads calls from them."""
CITATIONS = tuple(f"[{number}]" for number in range(1, 10))
"""The numbers of passages, each a token: which one is written decides what is quoted after it."""

CHAT_TEMPLATE = r"""
{%- set examples = {'integer': '1', 'number': '1.5', 'boolean': 'true', 'array': '[]', 'object': '{}'} -%}
{%- set system = messages[0].content if messages and messages[0].role == 'system' else '' -%}
{%- if tools -%}
    {{- '<|im_start|>system\n' + (system + '\n\n' if system else '') + '<tools>\n' -}}
    {%- for tool in tools -%}
        {%- set function = tool.function if tool.function is defined else tool -%}
        {%- set properties = (function.parameters or {}).properties or {} -%}
        {{- function.name + '[ARGS]{' -}}
        {%- for name, schema in properties.items() -%}
            {{- (name | tojson) + ': ' -}}
            {%- if schema.enum -%}{{- schema.enum | join('/') | tojson -}}
            {%- elif schema.type is string and schema.type in examples -%}{{- examples[schema.type] -}}
            {%- else -%}{{- '"text"' -}}{%- endif -%}
            {{- '' if loop.last else ', ' -}}
        {%- endfor -%}
        {{- '}' + (' ' + function.description if function.description else '') + '\n' -}}
    {%- endfor -%}
    {{- '</tools><|im_end|>\n' -}}
{%- elif system -%}
    {{- '<|im_start|>system\n' + system + '<|im_end|>\n' -}}
{%- endif -%}
{%- for message in messages -%}
    {%- if message.role == 'tool' -%}
        {%- if loop.first or messages[loop.index0 - 1].role != 'tool' -%}{{- '<|im_start|>user\n' -}}{%- else -%}{{- '\n' -}}{%- endif -%}
        {{- '<tool_response>\n' + (message.content or '') + '\n</tool_response>' -}}
        {%- if loop.last or messages[loop.index0 + 1].role != 'tool' -%}{{- '<|im_end|>\n' -}}{%- endif -%}
    {%- elif not (loop.first and message.role == 'system') -%}
        {{- '<|im_start|>' + message.role + '\n' + (message.content or '') -}}
        {%- for call in message.tool_calls or [] -%}
            {%- set function = call.function if call.function is defined else call -%}
            {{- '[TOOL_CALLS]' + function.name + '[ARGS]' -}}
            {{- function.arguments if function.arguments is string else function.arguments | tojson -}}
        {%- endfor -%}
        {{- '<|im_end|>\n' -}}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}
""".strip()


EXAMPLES = {"integer": "1", "number": "1.5", "boolean": "true", "array": "[]", "object": "{}"}
"""What stands for a value of each type in the description of a tool."""


def signature(function: dict[str, Any]) -> str:
    """A tool as the template renders it: a call of it with examples for values, then what it does. Far shorter than its schema."""

    def example(schema: dict[str, Any]) -> str:
        if "enum" in schema:
            return json.dumps("/".join(str(one) for one in schema["enum"]), ensure_ascii=False)
        return EXAMPLES.get(schema.get("type", ""), '"text"')

    properties: dict[str, Any] = function["parameters"]["properties"]
    fields = ", ".join(
        f"{json.dumps(name, ensure_ascii=False)}: {example(schema)}" for name, schema in properties.items()
    )
    described = f" {function['description']}" if function.get("description") else ""
    return f"{function['name']}[ARGS]{{{fields}}}{described}"


def system_turn(system: str, tools: list[dict[str, Any]]) -> str:
    """The first turn as the template renders it; empty without a system message and tools."""
    if not tools:
        return f"{START}system\n{system}{END}\n" if system else ""
    lines = "".join(signature(tool) + "\n" for tool in tools)
    before = f"{system}\n\n" if system else ""
    return f"{START}system\n{before}<tools>\n{lines}</tools>{END}\n"
