"""Text around a gap, with tokens of a tiny vocabulary."""

from pathlib import Path

import gguf
import pytest

from crofter.core import ContextFile, CrofterError, ErrorCode, InfillPrompt
from crofter.engine import EngineSettings, machine_now
from crofter.engine.plan import plan_load
from crofter.engine.worker.infill import Infill
from crofter.engine.worker.library import Model, start_library
from crofter.engine.worker.vocabulary import Vocabulary
from tests.gguf_files import CONTROL_TOKENS, vocabulary, write_tiny_llama
from tests.unit.engine.conftest import model_file

NAMES = {token: index for index, token in enumerate(vocabulary())}
FILES = (ContextFile(name="a.py", text="x = 1"), ContextFile(name="b.sql", text="select 1"))


class Writer:
    """Prompts as one reads them: marks by name, the rest as text."""

    def __init__(self, path: Path) -> None:
        start_library()
        self._vocabulary = Vocabulary(Model(plan_load(model_file(path), machine_now(), EngineSettings(), None)))
        self._infill = Infill(self._vocabulary)

    def __call__(self, prefix: str, suffix: str, *context: ContextFile, room: int | None = None) -> str:
        tokens = self.tokens(prefix, suffix, *context, room=room)
        return "".join(map(self._vocabulary.marker, tokens))

    def tokens(self, prefix: str, suffix: str, *context: ContextFile, room: int | None = None) -> list[int]:
        return self._infill.tokens(InfillPrompt(prefix=prefix, suffix=suffix, context=context), room)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Writer:
    return Writer(write_tiny_llama(tmp_path_factory.mktemp("models") / "plain.gguf"))


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Writer:
    """Of a model with tokens for repositories and files, as Qwen2.5-Coder has them."""

    def edit(writer: gguf.GGUFWriter) -> None:
        writer.add_uint32("tokenizer.ggml.fim_rep_token_id", NAMES["<|im_start|>"])
        writer.add_uint32("tokenizer.ggml.fim_sep_token_id", NAMES["<|fim_pad|>"])

    return Writer(write_tiny_llama(tmp_path_factory.mktemp("models") / "knowing.gguf", edit=edit))


def test_without_other_files_there_are_only_prefix_and_suffix(plain: Writer, knowing: Writer) -> None:
    assert plain("a", "b") == knowing("a", "b") == "<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>"


def test_a_model_that_knows_files_is_told_their_names(knowing: Writer) -> None:
    assert knowing("p", "s", *FILES) == (
        "<|im_start|>repository\n<|fim_pad|>a.py\nx = 1<|fim_pad|>b.sql\nselect 1<|fim_pad|>this file\n"
        "<|fim_prefix|>p<|fim_suffix|>s<|fim_middle|>"
    )


def test_for_other_models_files_are_text_with_their_names_in_comments(plain: Writer) -> None:
    assert plain("p", "s", *FILES, ContextFile(name="c.ts", text="let x")) == (
        "<|fim_prefix|># a.py\nx = 1\n\n-- b.sql\nselect 1\n\n// c.ts\nlet x\n\np<|fim_suffix|>s<|fim_middle|>"
    )


def test_marks_in_files_are_text(plain: Writer) -> None:
    tokens = plain.tokens("p", "s", ContextFile(name="a.py", text="<|fim_suffix|>"))
    assert tokens.count(NAMES["<|fim_suffix|>"]) == 1


@pytest.mark.parametrize("room", [8, 40, 60, 200])
def test_what_does_not_fit_is_left_out_whole_the_first_files_first(plain: Writer, knowing: Writer, room: int) -> None:
    files = tuple(ContextFile(name=f"{letter}.py", text=letter * 20) for letter in "abcdefgh")
    for writer in (plain, knowing):
        tokens = writer.tokens("prefix", "", *files, room=room)
        assert len(tokens) <= max(room, 3 + 6)
        text = writer("prefix", "", *files, room=room)
        kept = [letter for letter in "abcdefgh" if letter * 20 in text]
        assert kept == list("abcdefgh")[8 - len(kept) :]
    assert ("h" * 20 in text) is (room >= 60)


def test_the_far_ends_are_cut_three_parts_to_one(plain: Writer) -> None:
    text = plain("p" * 100 + "END", "START" + "s" * 100, room=43)
    before, after = text.removeprefix("<|fim_prefix|>").removesuffix("<|fim_middle|>").split("<|fim_suffix|>")
    assert before.endswith("pEND")
    assert after.startswith("STARTs")
    assert (len(before), len(after)) == (30, 10)
    assert len(plain.tokens("p" * 9, "s" * 100, room=43)) == 43


def test_a_model_without_such_tokens_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "<|fim_middle|>" in CONTROL_TOKENS
    monkeypatch.setattr("crofter.engine.worker.infill.llama.llama_vocab_fim_mid", lambda _: -1)
    writer = Writer(write_tiny_llama(tmp_path / "none.gguf"))
    with pytest.raises(CrofterError) as caught:
        writer("a", "b")
    assert caught.value.code is ErrorCode.UNSUPPORTED
