"""A model over several nodes of this machine, asked once, and the same question put to the whole model."""

import time
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from crofter.api import ImportRequest, ModelDetails, RoutePlanned, RouteStage, RouteSummary
from crofter.cli.answers import read
from crofter.cli.output import print_table, say, size
from crofter.client import ChatOptions, Reply
from crofter.core import CrofterError, ErrorCode
from crofter.node import trial

from .forming import Forming
from .nodes import TrialNode, end, paired, started

_WHOLE = "whole"
_SEED = 11
_MOST_TOKENS = 64
_LOOK_SECONDS = 0.25
_PLAN_SECONDS = 30.0


class ShownNode(msgspec.Struct, frozen=True, kw_only=True):
    """A temporary node."""

    name: str
    id: str
    url: str
    home: str


class TrialResult(msgspec.Struct, frozen=True, kw_only=True):
    """What `crofter swarm try` saw."""

    model: str
    question: str
    whole_bytes: int
    """What the model needs at least, with this context."""
    limit_bytes: int
    """What each node has for models."""
    context_tokens: int
    nodes: tuple[ShownNode, ...]
    """The first one was asked."""
    plan: RoutePlanned
    route: RouteSummary
    answer: Reply
    whole: Reply
    """The same question with the same seed, answered by one node with enough memory."""
    same: bool


def tried(folder: Path, details: ModelDetails, names: Sequence[str], question: str, *, as_json: bool) -> TrialResult:
    """Start nodes of these names below `folder`, and ask the first; they go on. Without `as_json`, shows what happens.

    Raises UNSUPPORTED for a model that writes no answers or cannot be divided, OUT_OF_MEMORY, and what the nodes say.
    """
    model = details.summary.name
    if not {"chat", "completion"} & set(details.summary.capabilities):
        message = f"{model} writes no answers; choose a model that does (`crofter ls`)."
        raise CrofterError(ErrorCode.UNSUPPORTED, message, parameter="model")
    setup = trial(Path(details.path), model, len(names))
    limits = setup.limits
    say(
        f"{model} needs {size(limits.whole_bytes)} of memory or more. Each of {len(names)} nodes gets"
        f" {size(limits.limit_bytes)}: it fits on none of them, and on all together. Starting them …"
    )
    settings = {**dict.fromkeys(names, setup.settings), _WHOLE: setup.whole_settings}
    *nodes, whole_node = started(folder, settings)
    first = nodes[0]
    paired(nodes)
    if not details.summary.embedded:
        for node in (first, whole_node):
            _install(node, setup.parts, model)
    if not as_json:
        _print_nodes(nodes, limits.limit_bytes)
    say("They trust each other now. Another one, with enough memory, answers first, to compare …")
    whole = _asked(whole_node, question, model, as_json=True)
    end([whole_node])
    plan = _planned(first, model)
    say(f"{first.name} plans: {model} {plan.reason}")
    called = {node.fingerprint: node.name for node in nodes}
    say(f'asking {first.name}: "{question}"')
    with Forming(first.home, model, lambda doing: say(f"  {_named(doing, called)}")):
        answer = _asked(first, question, model, as_json=as_json)
    result = TrialResult(
        model=model,
        question=question,
        whole_bytes=limits.whole_bytes,
        limit_bytes=limits.limit_bytes,
        context_tokens=limits.context_tokens,
        nodes=tuple(
            ShownNode(name=node.name, id=node.id, url=node.client.node.url, home=str(node.home.root)) for node in nodes
        ),
        plan=plan,
        route=first.client.admin.route(model),
        answer=answer,
        whole=whole,
        same=(answer.text, answer.reasoning) == (whole.text, whole.reasoning),
    )
    if not as_json:
        _print_stages(first, result.route.stages)
    _say_result(result, called)
    return result


def _install(node: TrialNode, parts: Sequence[str], model: str) -> None:
    """Let a node use a model's files where they lie."""
    for _ in node.client.admin.import_model(ImportRequest(parts=tuple(parts), name=model)):
        pass


def _asked(node: TrialNode, question: str, model: str, *, as_json: bool) -> Reply:
    """An answer on whatever way there is on which nobody but this node reads the question."""

    def show(piece: str, is_reasoning: bool) -> None:
        if not as_json:
            click.echo(piece, nl=False, err=is_reasoning)

    options = ChatOptions(model=model, radius="trusted", readers="local", seed=_SEED, max_tokens=_MOST_TOKENS)
    with node.client.stream(question, **options) as stream:
        reply = read(stream, show)
    if not as_json:
        click.echo()
    return reply


def _planned(node: TrialNode, model: str) -> RoutePlanned:
    """How the model would go, once the others have said what they have."""
    deadline = time.monotonic() + _PLAN_SECONDS
    while (plan := node.client.admin.plan_route(model)).way != "route":
        if time.monotonic() > deadline:
            message = f"no route was found: {plan.reason}. Close what takes the memory, or try again."
            raise CrofterError(ErrorCode.OUT_OF_MEMORY, message)
        time.sleep(_LOOK_SECONDS)
    return plan


def _print_nodes(nodes: Sequence[TrialNode], limit_bytes: int) -> None:
    rows = [(node.name, node.fingerprint, size(limit_bytes), node.client.node.url) for node in nodes]
    print_table(("NODE", "FINGERPRINT", "FOR MODELS", "ADDRESS"), rows, empty="")


def _print_stages(asking: TrialNode, stages: Sequence[RouteStage]) -> None:
    ends = ("the ends: words in and out", asking.name, "")
    layers = [
        (
            f"layers {stage.start}-{stage.stop - 1}",
            asking.name if stage.id == asking.id else stage.node,
            size(stage.memory_bytes),
        )
        for stage in stages
    ]
    print_table(("PART", "AT", "MEMORY"), [ends, *layers], empty="")


def _say_result(result: TrialResult, called: dict[str, str]) -> None:
    asking = result.nodes[0].name
    where = result.answer.provenance
    if where is not None:
        readers = ", ".join(where.readable_by).replace("this node", asking)
        guessers = _named(", ".join(where.inferable_by), called)
        say(f"who read the question: {readers}; who could guess at it from hidden states: {guessers or 'nobody'}")
    for title, reply in ((f"over {len(result.route.stages)} stages", result.answer), ("whole", result.whole)):
        if reply.timings is not None:
            say(f"{title}: {reply.timings.tokens_per_second:.1f} tokens a second")
    if result.same:
        say("The answer is the whole model's, word for word.")
    else:
        say(f"The whole model answered otherwise: {result.whole.text!r}. Please report this with the model's name.")


def _named(text: str, called: dict[str, str]) -> str:
    for fingerprint, name in called.items():
        text = text.replace(fingerprint, name)
    return text
