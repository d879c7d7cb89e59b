from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest

from crofter.models import Anatomy, anatomy, read_facts, read_header
from tests.gguf_files import write_tiny_llama

Edit = Callable[[gguf.GGUFWriter], None]


def taken_apart(path: Path, edit: Edit | None = None) -> Anatomy:
    return anatomy(read_header(write_tiny_llama(path / "m.gguf", layers=3, edit=edit)))


def test_the_parts_are_the_whole_in_the_order_of_the_model(tmp_path: Path) -> None:
    found = taken_apart(tmp_path)
    assert [part.name for part in found.parts] == ["token_embd", "blk.0", "blk.1", "blk.2", "output", "output_norm"]
    assert [part.is_layer for part in found.parts] == [False, True, True, True, False, False]
    facts = read_facts(tmp_path / "m.gguf")
    assert sum(part.parameter_count for part in found.parts) == facts.parameter_count == found.active_parameter_count
    sizes = [part.size_bytes for part in found.parts]
    assert sum(sizes) == sum(found.bytes_by_type.values())
    assert found.bytes_by_type == {"F32": 4 * facts.parameter_count}
    assert len({part.size_bytes for part in found.parts if part.is_layer}) == 1


def test_only_some_experts_work_on_a_token(tmp_path: Path) -> None:
    def edit(writer: gguf.GGUFWriter) -> None:
        writer.add_expert_count(8)
        writer.add_expert_used_count(2)
        writer.add_tensor("blk.0.ffn_up_exps.weight", np.zeros((8, 4, 100), np.float32))

    found = taken_apart(tmp_path, edit)
    assert (found.expert_count, found.experts_used) == (8, 2)
    idle = 6 * 4 * 100
    assert found.active_parameter_count == read_facts(tmp_path / "m.gguf").parameter_count - idle


def test_the_mix_names_the_largest_first(tmp_path: Path) -> None:
    found = taken_apart(tmp_path, lambda writer: writer.add_tensor("mm.weight", np.zeros((1024, 1024), np.float16)))
    assert list(found.bytes_by_type) == ["F16", "F32"]
    assert found.parts[-1].bytes_by_type == {"F32": 64 * 4}


def test_windows_and_stretched_positions_are_told(tmp_path: Path) -> None:
    def edit(writer: gguf.GGUFWriter) -> None:
        writer.add_sliding_window(4096)
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(4.0)
        writer.add_rope_scaling_orig_ctx_len(32_768)

    found = taken_apart(tmp_path, edit)
    assert found.sliding_window_tokens == 4096
    assert found.rope_scaling == "yarn times 4 from 32,768 tokens"


@pytest.mark.parametrize(
    "edit",
    [
        lambda writer: writer.add_string("llama.expert_count", "many"),
        lambda writer: writer.add_float32("llama.rope.scaling.type", 1.0),
        lambda writer: writer.add_array("llama.attention.sliding_window", [1, 2]),
        lambda writer: writer.add_uint32("llama.expert_used_count", 7),
    ],
)
def test_what_is_said_in_an_unknown_form_is_left_out(tmp_path: Path, edit: Edit) -> None:
    found = taken_apart(tmp_path, edit)
    assert (found.expert_count, found.sliding_window_tokens, found.rope_scaling) == (0, 0, "")
    assert found.active_parameter_count == read_facts(tmp_path / "m.gguf").parameter_count
