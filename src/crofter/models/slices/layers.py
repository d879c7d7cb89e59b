"""A model's layers as llama.cpp understands them, and which runs of them it loads as a model of their own."""

import math
from collections.abc import Sequence

import msgspec

from crofter.core import CrofterError, ErrorCode
from crofter.models.facts.shape import per_layer
from crofter.models.gguf.header import Header

from .rules import Rules, refused, rules_for

_MAXIMUM_LAYERS = 10_000
_RECURRENT_INTERVAL = 4
_GLM_WITH_SHARED_INDEXERS_CONTEXT = 1 << 20


class Layers(msgspec.Struct, frozen=True, kw_only=True):
    """What a header says about each layer; the layers that only predict further ahead are left out."""

    header: Header
    architecture: str
    rules: Rules
    count: int
    stored_count: int
    """Those that predict further ahead included."""
    windowed: tuple[bool, ...] = ()
    """Empty: no layer has a sliding window."""
    recurrent: tuple[bool, ...] = ()
    """Empty: the model does not mix the two kinds."""

    def key(self, name: str) -> str:
        """A key of this architecture."""
        return f"{self.architecture}.{name}"

    def integer(self, name: str, default: int = 0) -> int:
        """The number behind such a key. Raises MODEL_INVALID if it is something else."""
        return self.header.integer(self.key(name), default)

    def head_length(self, name: str) -> int:
        """`attention.key_length` or `attention.value_length`: where a file does not say, the first layer's heads share the width."""
        heads = self.header.numbers(self.key("attention.head_count"))
        first = int(heads[0]) if heads else self.integer("attention.head_count")
        return self.integer(name, self.integer("embedding_length") // max(1, first))


def read_layers(header: Header) -> Layers:
    """Raises UNSUPPORTED, with the reason, if the model cannot be cut; MODEL_INVALID if it means nothing usable."""
    architecture = header.text("general.architecture")
    rules = rules_for(architecture)
    stored = header.integer(f"{architecture}.block_count", limit=_MAXIMUM_LAYERS)
    ahead = header.integer(f"{architecture}.nextn_predict_layers", 0)
    if stored <= ahead:
        raise header.invalid("it has no layers")
    layers = Layers(header=header, architecture=architecture, rules=rules, count=stored - ahead, stored_count=stored)
    reason = _refusal(layers)
    if reason:
        raise refused(architecture, reason)
    return msgspec.structs.replace(layers, windowed=_windowed(layers), recurrent=_recurrent(layers))


def cuts(layers: Layers) -> tuple[int, ...]:
    """Where one slice may end and the next begin: numbers of layers before the cut."""
    last = layers.count - 1
    borrowing = layers.integer("attention.shared_kv_layers")
    if borrowing:
        # Layers that borrow keys and values borrow them from the last two that have their own.
        last = layers.count - borrowing - 2
    selects = _selecting(layers)
    return tuple(cut for cut in range(1, last + 1) if selects is None or selects[cut])


def covering(layers: Layers, start: int, stop: int) -> tuple[int, int]:
    """The shortest run of layers around `[start, stop)` that llama.cpp loads; what is added is to be filled with zeros.

    The last layer stays the last, because llama.cpp computes its end only for the rows whose result is wanted.
    Raises UNSUPPORTED if there is none.
    """
    may_begin = _beginnings(layers)
    needs = _needs(layers)
    for extra in range(layers.count):
        for before in range(extra + 1):
            first, end = start - before, stop + extra - before
            if first < 0 or end > layers.count or not may_begin[first] or not _is_loaded(layers, end - first):
                continue
            if all(any(need[first:end]) for need in needs):
                return first, end
    raise refused(layers.architecture, f"its layers from {start} to {stop} cannot be loaded by themselves")


def shortest(layers: Layers) -> tuple[int, int]:
    """The shortest run of layers that llama.cpp loads, wherever it lies."""
    runs = [covering(layers, first, first + 1) for first in range(layers.count) if _beginnings(layers)[first]]
    return min(runs, key=lambda run: run[1] - run[0])


def checked_range(layers: Layers, start: int, stop: int) -> None:
    """Raises INVALID_REQUEST if no such range exists, UNSUPPORTED if the model cannot be cut at its ends."""
    if not 0 <= start < stop <= layers.count:
        raise CrofterError(
            ErrorCode.INVALID_REQUEST, f"The model has layers 0 to {layers.count}, and no range {start} to {stop}."
        )
    allowed = {0, layers.count, *cuts(layers)}
    for cut in (start, stop):
        if cut not in allowed:
            raise refused(layers.architecture, f"it cannot be cut before its layer {cut}")


def _refusal(layers: Layers) -> str:
    """Why this model of an architecture that can be cut is one that cannot; "" if it can."""
    if layers.integer("embedding_length_per_layer_input"):
        return "each of its layers looks at the tokens themselves"
    if layers.integer("num_loops", 1) > 1:
        return "the text goes through all of its layers several times"
    if layers.architecture == "exaone4" and layers.count in layers.rules.loaded_counts:
        return "llama.cpp recognises this size by its number of layers"
    if layers.architecture == "llama4" and layers.integer("attention.sliding_window", 1) == 0:
        return "llama.cpp does not run the dense ones"
    return ""


def _windowed(layers: Layers) -> tuple[bool, ...]:
    rules = layers.rules
    if not rules.window or (rules.window == "named" and not layers.integer("attention.sliding_window")):
        return ()
    pattern = layers.key("attention.sliding_window_pattern")
    listed = layers.header.numbers(pattern)
    if listed:
        return _for_each(layers, pattern, listed)
    if rules.window == "file":
        raise layers.header.invalid(f"{pattern} is missing")
    period = layers.integer("attention.sliding_window_pattern", rules.window_period)
    full = 0 if rules.full_first else period - 1
    return tuple(not period or layer % period != full for layer in range(layers.count))


def _recurrent(layers: Layers) -> tuple[bool, ...]:
    if layers.rules.recurrent == "":
        return ()
    if layers.rules.recurrent == "interval":
        key = layers.key("attention.recurrent_layers")
        listed = layers.header.numbers(key)
        if listed:
            return _for_each(layers, key, listed)
        interval = layers.integer("full_attention_interval", _RECURRENT_INTERVAL)
        return tuple(interval == 0 or (layer + 1) % interval != 0 for layer in range(layers.count))
    without_keys = [not heads for heads in _heads(layers, "attention.head_count_kv")]
    if layers.rules.recurrent == "no key heads":
        return tuple(without_keys)
    widths = per_layer(layers.header, layers.key("feed_forward_length"), (0,) * layers.count)
    return tuple(without and not width for without, width in zip(without_keys, widths, strict=True))


def _heads(layers: Layers, name: str) -> tuple[int, ...]:
    heads = per_layer(layers.header, layers.key("attention.head_count"), (0,) * layers.count)
    return per_layer(layers.header, layers.key(name), heads)


def _for_each(layers: Layers, key: str, values: Sequence[float]) -> tuple[bool, ...]:
    if len(values) < layers.count:
        raise layers.header.invalid(f"{key} should have an entry for each of {layers.count} layers")
    return tuple(bool(value) for value in values[: layers.count])


def _beginnings(layers: Layers) -> Sequence[bool]:
    """Whether a file may begin with each layer."""
    selects = _selecting(layers)
    if selects is not None:
        return selects
    if layers.architecture == "deci":
        # llama.cpp takes the widths of all layers from the first.
        return [heads > 0 for heads in _heads(layers, "attention.head_count")]
    period = _period(layers)
    return [layer % period == 0 for layer in range(layers.count)]


def _period(layers: Layers) -> int:
    rules = layers.rules
    step = layers.integer(rules.step_key, 1) if rules.step_key else 1
    if layers.architecture == "smallthinker" and not layers.windowed:
        return 1
    return math.lcm(rules.period, step or 1)


def _selecting(layers: Layers) -> Sequence[bool] | None:
    """Whether the first layer that uses a selection, from each layer on, makes its own; None: there is no such thing."""
    if not layers.rules.indexer:
        return None
    own = indexer_types(layers)
    uses = [not windowed for windowed in layers.windowed] or [True] * layers.count
    return [
        next((own[layer] for layer in range(first, layers.count) if uses[layer]), True) for first in range(layers.count)
    ]


def indexer_types(layers: Layers) -> tuple[bool, ...]:
    """Which layers select by themselves what they look at, as `glm-dsa.cpp` reads it."""
    key = layers.key("attention.indexer.types")
    listed = layers.header.numbers(key)
    if listed:
        return _for_each(layers, key, listed)
    if layers.integer("context_length") < _GLM_WITH_SHARED_INDEXERS_CONTEXT:
        return (True,) * layers.count
    return tuple(layer < 2 or (layer - 2) % 4 == 0 for layer in range(layers.count))


def _needs(layers: Layers) -> list[Sequence[bool]]:
    """Kinds of layers of which a file must have one, as far as the whole model has any: llama.cpp aborts over an unused input."""
    needs: list[Sequence[bool]] = [layers.windowed]
    if layers.recurrent:
        needs += [layers.recurrent, [heads > 0 for heads in _heads(layers, "attention.head_count_kv")]]
        if layers.rules.recurrent == "interval":
            needs[-1] = [not recurrent for recurrent in layers.recurrent]
    if layers.architecture == "minimax-m3":
        dense = layers.integer("leading_dense_block_count")
        needs.append([layer >= dense for layer in range(layers.count)])
    if layers.rules.indexer and layers.windowed:
        needs.append([not windowed for windowed in layers.windowed])
    if layers.architecture == "llama4":
        needs.append([(layer + 1) % layers.rules.period == 0 for layer in range(layers.count)])
    return [need for need in needs if any(need)]


def _is_loaded(layers: Layers, count: int) -> bool:
    """Whether a file may have so many layers."""
    if count == layers.count:
        return True
    by_count = layers.rules.loaded_counts
    if layers.architecture == "smallthinker" and not layers.windowed:
        by_count = ()
    return count >= min(layers.rules.least_layers, layers.count) and count not in by_count
