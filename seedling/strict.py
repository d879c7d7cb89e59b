"""Calls as a client gets them from the node for strict tools: the engine holds their form by a grammar, the values are the model's."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import anyio

from crofter.core import (
    ChatPrompt,
    GenerationRequest,
    Message,
    ModelFile,
    ModelId,
    Sampling,
    new_request_id,
)
from crofter.engine import Engine, EngineSettings
from seedling.forms import Stock
from seedling.speaker import CONTEXT, MAXIMUM_TOKENS
from seedling.tools import ToolCase, tool_case


class _NoTunings:
    """The engine as it is on any machine."""

    def settings(self, _model_id: ModelId) -> None:
        return None

    def keep(self, *_given: object) -> None:
        """Nothing is kept."""


def strict_calls(path: Path, rng: Random, stock: Stock, count: int) -> Iterator[tuple[bool, str]]:
    """The cases of `judging.tool_calls`, asked of a real worker with `strict: true`."""
    cases = [tool_case(rng, stock, is_fitting=True) for _ in range(count)]
    for case, said in zip(cases, anyio.run(_said, _model(path), cases), strict=True):
        wanted = (case.form.name, case.form.values) if case.form else None
        is_right = said is not None and json.dumps(said, sort_keys=True) == json.dumps(wanted, sort_keys=True)
        yield is_right, f"{case.request}\n  said   {said}\n  wanted {case.answer}"


def _model(path: Path) -> ModelFile:
    return ModelFile(
        model_id=ModelId("seedling"),
        name="seedling",
        path=path.absolute(),
        size_bytes=path.stat().st_size,
        architecture="llama",
        layer_count=5,
        context_length=CONTEXT,
        kv_bytes_per_token=2 * 5 * 256 * 2,
    )


async def _said(model: ModelFile, cases: list[ToolCase]) -> list[tuple[str, object] | None]:
    with TemporaryDirectory() as folder:
        async with Engine(EngineSettings(), log_folder=Path(folder), tunings=_NoTunings()) as engine:
            return [await _call(engine, model, case) for case in cases]


async def _call(engine: Engine, model: ModelFile, case: ToolCase) -> tuple[str, object] | None:
    tools = tuple({"type": "function", "function": tool | {"strict": True}} for tool in case.tools)
    request = GenerationRequest(
        request_id=new_request_id(),
        model="",
        prompt=ChatPrompt(messages=(Message(role="user", content=case.request),), tools=tools),
        sampling=Sampling(temperature=0.0),
        max_tokens=MAXIMUM_TOKENS,
    )
    names: list[str] = []
    arguments: list[str] = []
    async for chunk in engine.generate(model, request):
        for delta in chunk.tool_calls:
            names += [delta.name] if delta.name else []
            arguments.append(delta.arguments)
    try:
        return (names[0], json.loads("".join(arguments))) if len(names) == 1 else None
    except ValueError:
        return None
