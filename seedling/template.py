"""The chat template: ChatML with tools as JSON lines, in the notation that Qwen and Hermes models use."""

import json
from typing import Any

START, END, END_OF_TEXT = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
SPECIAL_TOKENS = (END_OF_TEXT, START, END, "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
MARKS = ("<tools>", "</tools>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
"""Tokens of their own that are text all the same: a client sees them and reads calls from them."""
CITATIONS = tuple(f" [{number}]" for number in range(1, 10))
"""The numbers of passages, each a token: after a sentence's last word there is then only one thing to copy."""

CHAT_TEMPLATE = r"""
{%- set system = messages[0].content if messages and messages[0].role == 'system' else '' -%}
{%- if tools -%}
    {{- '<|im_start|>system\n' + (system + '\n\n' if system else '') + '<tools>\n' -}}
    {%- for tool in tools -%}
        {{- (tool.function if tool.function is defined else tool) | tojson -}}{{- '\n' -}}
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
            {{- '\n' if message.content or not loop.first else '' -}}
            {{- '<tool_call>\n{"name": ' + (function.name | tojson) + ', "arguments": ' -}}
            {{- (function.arguments if function.arguments is string else function.arguments | tojson) + '}\n</tool_call>' -}}
        {%- endfor -%}
        {{- '<|im_end|>\n' -}}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}
""".strip()


def system_turn(system: str, tools: list[dict[str, Any]]) -> str:
    """The first turn as the template renders it; empty without a system message and tools."""
    if not tools:
        return f"{START}system\n{system}{END}\n" if system else ""
    lines = "".join(json.dumps(tool, ensure_ascii=False) + "\n" for tool in tools)
    before = f"{system}\n\n" if system else ""
    return f"{START}system\n{before}<tools>\n{lines}</tools>{END}\n"
