"""A slice on the disk as a value: what the engine needs to know to load it."""

from pathlib import Path

import msgspec
from blake3 import blake3

from crofter.core import EmbeddingTable, ModelFile, ModelId, SliceFile
from crofter.models.facts.shape import layer_kv_bytes, read_shape
from crofter.models.gguf.header import Header, read_header
from crofter.models.gguf.tables import TYPE_NUMBERS

from .plan import SlicePlan
from .write import local_data, write_slice

SLICER_VERSION = 1
"""To be counted up when the same plan makes other files: those of earlier versions are then written anew."""


def slice_id(source: ModelId, start: int, stop: int, *, is_ends: bool) -> ModelId:
    """The id of a slice: two nodes with the same have the same layers of the same model, cut in the same way."""
    content = ("crofter-slice", SLICER_VERSION, source, "ends" if is_ends else "stage", start, stop)
    return ModelId(blake3(msgspec.json.encode(content)).hexdigest())


def make_slice(plan: SlicePlan, header: Header, source: ModelFile, target: Path) -> SliceFile:
    """Write a planned slice of a model that is here, whose header that is, and describe it. Raises as `write_slice`."""
    write_slice(header.path, plan.metadata, plan.tensors, local_data(header), target)
    return slice_file(plan, source, target)


def slice_file(plan: SlicePlan, source: ModelFile, path: Path) -> SliceFile:
    """The slice of `source` that was written to `path`. Raises as `read_header`."""
    header = read_header(path)
    return SliceFile(
        model_id=slice_id(source.model_id, plan.start, plan.stop, is_ends=plan.is_ends),
        name=source.name,
        path=path,
        size_bytes=header.size_bytes,
        architecture=plan.architecture,
        layer_count=plan.covered_stop - plan.covered_start,
        context_length=source.context_length,
        context_tokens=source.context_tokens,
        kv_bytes_per_token=sum(layer_kv_bytes(header, plan.architecture)),
        capabilities=source.capabilities if plan.is_ends else (),
        shape=read_shape(header, plan.architecture),
        pinned=source.pinned,
        projector=source.projector if plan.is_ends and not _feeds_several_layers(plan) else None,
        source_id=source.model_id,
        source_layer_count=plan.source_layer_count,
        start=plan.start,
        stop=plan.stop,
        hidden_tensor=plan.hidden_tensor,
        input_scale=plan.input_scale,
        output_scale=plan.output_scale,
        embeddings=_embeddings(header, plan.embedding_scale) if plan.is_ends else None,
    )


def _feeds_several_layers(plan: SlicePlan) -> bool:
    """Whether images of the model go into more of its layers than the first, which rows between stages have no place for."""
    return any(key.endswith((".n_deepstack_layers", ".deepstack_mapping")) for key in plan.metadata)


def _embeddings(header: Header, scale: float) -> EmbeddingTable:
    tensor = next(each for each in header.tensors if each.name == "token_embd.weight")
    width, row_count = tensor.shape
    return EmbeddingTable(
        path=str(header.path),
        offset=tensor.offset,
        type_number=TYPE_NUMBERS[tensor.type.name],
        row_bytes=tensor.size_bytes // row_count,
        row_count=row_count,
        width=width,
        scale=scale,
    )
