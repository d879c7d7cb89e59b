"""What our scheduler makes of a prompt with images is what llama.cpp's own helper makes of it, token for token."""

# The binding's annotations name array types where every pointer will do, and None where the test would fail first.
# pyright: reportArgumentType=false

import ctypes
import gc
import io
import wave
import weakref
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from llama_cpp import llama_cpp as llama
from llama_cpp import mtmd_cpp as mtmd

from crofter.core import (
    ChatPrompt,
    Chunk,
    CrofterError,
    ErrorCode,
    MediaPart,
    Message,
    ModelFile,
)
from crofter.engine.worker.decoders import ImageDecoder, SoundDecoder
from crofter.engine.worker.library import FLASH_ATTENTION
from crofter.engine.worker.scheduler import Scheduler
from crofter.engine.worker.senses import Senses
from tests.image_files import png
from tests.projector_files import ProjectorKind
from tests.unit.engine.conftest import tokens_of
from tests.unit.engine.seeing import ANSWER_TOKENS, about, chat, model_with_eyes
from tests.unit.engine.worker.bench import Bench

KINDS: tuple[ProjectorKind, ...] = ("mlp", "gemma3", "gemma4v", "qwen2vl_merger")


def logprobs_of(chunks: list[Chunk]) -> list[float]:
    return [entry.logprob for chunk in chunks for entry in chunk.logprobs]


def reference(bench: Bench, file: ModelFile, prompt: ChatPrompt) -> tuple[list[int], list[float]]:
    """The greedy answer, and its log probabilities, of a bare loop around `mtmd_helper_eval_chunks`, read in one go."""
    assert file.projector is not None
    parameters = mtmd.mtmd_context_params_default()
    parameters.use_gpu = parameters.print_timings = False
    parameters.n_threads = bench.load.batch_threads
    sight = mtmd.mtmd_init_from_file(str(file.projector.path).encode(), bench.model.handle, parameters)
    images, sounds = ImageDecoder(), SoundDecoder(max(mtmd.mtmd_get_audio_sample_rate(sight), 1))
    text = f"<|im_start|>user\n{prompt.messages[0].content}<|im_end|>\n<|im_start|>assistant\n"
    bitmaps: list[int] = []
    kept: list[object] = []
    for part in prompt.media:
        text = text.replace(part.marker, "<__media__>", 1)
        if part.kind == "image":
            picture = images.decode(part.data, part.place)
            pixels = picture.pixels.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
            bitmaps.append(mtmd.mtmd_bitmap_init(picture.width, picture.height, pixels))
        else:
            samples = sounds.decode(part.data, part.place)
            kept.append(samples)
            bitmaps.append(
                mtmd.mtmd_bitmap_init_from_audio(samples.size, samples.ctypes.data_as(ctypes.POINTER(ctypes.c_float)))
            )
    data = text.encode()
    given = mtmd.mtmd_input_text(data, len(data), True, True)
    chunks = mtmd.mtmd_input_chunks_init()
    pointers = (ctypes.c_void_p * len(bitmaps))(*bitmaps)
    assert mtmd.mtmd_tokenize(sight, chunks, ctypes.byref(given), pointers, len(bitmaps)) == 0
    settings = llama.llama_context_default_params()
    settings.n_ctx = settings.n_batch = settings.n_ubatch = file.context_length
    settings.flash_attn_type = FLASH_ATTENTION[bench.load.flash_attention]
    # Sums are split between threads, and rounded by how they are split.
    settings.n_threads, settings.n_threads_batch = bench.load.threads, bench.load.batch_threads
    context = llama.llama_init_from_model(bench.model.handle, settings)
    past = llama.llama_pos(0)
    assert (
        mtmd.mtmd_helper_eval_chunks(sight, context, chunks, 0, 0, file.context_length, True, ctypes.byref(past)) == 0
    )
    tokens: list[int] = []
    logprobs: list[float] = []
    batch = llama.llama_batch_init(1, 0, 1)
    for position in range(past.value, past.value + ANSWER_TOKENS):
        logits = np.ctypeslib.as_array(llama.llama_get_logits_ith(context, -1), (bench.model.vocabulary_size,))
        tokens.append(int(logits.argmax()))
        shifted = logits - logits.max()
        logprobs.append(float(shifted[tokens[-1]] - np.log(np.exp(shifted.astype(np.float64)).sum())))
        batch.n_tokens, batch.token[0], batch.pos[0] = 1, tokens[-1], position
        batch.n_seq_id[0], batch.seq_id[0][0], batch.logits[0] = 1, 0, 1
        assert llama.llama_decode(context, batch) == 0
    llama.llama_batch_free(batch)
    llama.llama_free(context)
    mtmd.mtmd_input_chunks_free(chunks)
    mtmd.mtmd_free(sight)
    images.close()
    sounds.close()
    return tokens, logprobs


@pytest.fixture(scope="module", params=KINDS)
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    return model_with_eyes(tmp_path_factory.mktemp("models"), request.param)


@pytest.fixture(scope="module")
def bench(file: ModelFile) -> Iterator[Bench]:
    with Bench(file) as bench:
        yield bench


PROMPTS = (
    chat("What do you see? ", png(1, (64, 40)), " Tell me."),
    chat(png(2, (40, 80)), png(3, (48, 48)), "Compare these two."),
    chat("Between ", png(1, (64, 40)), " and ", png(4, (17, 90)), ", and again ", png(1, (64, 40)), "?"),
)


@pytest.mark.parametrize("prompt", PROMPTS, ids=["one", "two", "three"])
def test_an_answer_is_that_of_the_librarys_own_helper(bench: Bench, file: ModelFile, prompt: ChatPrompt) -> None:
    tokens, logprobs = reference(bench, file, prompt)
    chunks = bench.answer(about(prompt))
    assert tokens_of(chunks) == tokens
    assert logprobs_of(chunks) == pytest.approx(logprobs, abs=1e-4)


@pytest.mark.parametrize("rows", [32, 48])
def test_an_image_longer_than_a_step_is_read_in_several(tmp_path: Path, rows: int) -> None:
    file = model_with_eyes(tmp_path, "qwen2vl_merger")
    prompt = chat("Look ", png(5, (96, 80)), " closely")
    with Bench(file) as bench:
        expected = bench.answer(about(prompt))  # Keys and values are kept in 16 bits: what is rounded otherwise shows.
        load = msgspec.structs.replace(bench.load, micro_batch_rows=rows)
        bench.scheduler = Scheduler(bench.model, bench.vocabulary, load, None, bool)
        found = bench.answer(about(prompt))
        [span] = bench.intake.tokenize(prompt, bench.read(prompt)).spans
    assert span.rows.length > rows
    assert tokens_of(found) == tokens_of(expected)
    assert logprobs_of(found) == pytest.approx(logprobs_of(expected), abs=2e-3)


@pytest.mark.parametrize(
    ("kind", "attention", "usual_rows", "rows"),
    [("gemma3", "off", 128, 144), ("gemma4v", "auto", 512, 33 * 33)],
    ids=["without fused attention", "a large image"],
)
def test_rows_that_see_each_other_are_computed_in_one_step_however_many(
    tmp_path: Path, kind: ProjectorKind, attention: str, usual_rows: int, rows: int
) -> None:
    file = model_with_eyes(tmp_path, kind, context=2048, image_size=96)
    prompt = chat("Look ", png(5, (800, 800)), " closely")
    with Bench(file, flash_attention=attention) as bench:
        [span] = bench.intake.tokenize(prompt, bench.read(prompt)).spans
        tokens, logprobs = reference(bench, file, prompt)
        chunks = bench.answer(about(prompt))
    assert usual_rows < span.rows.length == rows <= bench.load.micro_batch_rows
    assert tokens_of(chunks) == tokens
    assert logprobs_of(chunks) == pytest.approx(logprobs, abs=1e-3)


def test_rows_that_see_each_other_and_are_more_than_a_step_are_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = model_with_eyes(tmp_path, "gemma3", image_size=96)
    assert file.projector is not None
    unknown = msgspec.structs.replace(file.projector, mutual_rows=0)
    with Bench(msgspec.structs.replace(file, projector=unknown), flash_attention="off") as bench:
        monkeypatch.setattr(mtmd, "mtmd_encode_chunk", never)
        with pytest.raises(CrofterError, match="144 tokens that have to be computed in one step") as caught:
            bench.submit(about(chat("Look ", png(5, (96, 80)), " closely")))
    assert (caught.value.code, caught.value.parameter) == (ErrorCode.UNSUPPORTED, "messages[0].content[1]")


def test_an_image_longer_than_the_context_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Bench(model_with_eyes(tmp_path, "qwen2vl_merger")) as bench:
        monkeypatch.setattr(mtmd, "mtmd_encode_chunk", never)
        with pytest.raises(CrofterError) as caught:
            bench.submit(about(chat("Look ", png(5, (400, 400)), " closely")))
    assert caught.value.code is ErrorCode.CONTEXT_LENGTH_EXCEEDED
    assert caught.value.parameter == "messages[0].content[1]"


def never(*_: object) -> int:
    pytest.fail("nothing is to be computed")


def test_answers_about_images_are_written_beside_others(bench: Bench) -> None:
    requests = [about(prompt) for prompt in PROMPTS] + [about(chat("No picture, but many words. " * 8))]
    alone = [tokens_of(bench.answer(request)) for request in requests]
    assert len({tuple(tokens) for tokens in alone}) == len(alone)
    calls = [bench.submit(request) for request in requests]
    together = bench.run()
    assert [tokens_of(together[call]) for call in calls] == alone


def test_several_choices_share_one_reading_of_the_image(bench: Bench) -> None:
    chunks = bench.answer(about(chat("One of a kind ", png(6, (56, 56)), " here"), choices=3))
    usage = chunks[-1].usage
    assert usage is not None
    answers = [tokens_of(chunks, choice) for choice in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert usage.completion_tokens == 3 * ANSWER_TOKENS


def test_a_file_is_read_once_and_its_rows_are_computed_once(bench: Bench) -> None:
    first = chat("Now look at this one: ", png(7, (64, 64)), " and say what it is.")
    timings = bench.answer(about(first))[-1].timings
    assert timings is not None
    assert (timings.media_read, timings.media_seconds > 0) == (1, True)
    again = bench.answer(about(first))[-1]
    assert again.timings is not None
    assert again.usage is not None
    assert (again.timings.media_read, again.timings.media_seconds) == (0, 0.0)
    assert again.usage.cached_tokens == again.usage.prompt_tokens - 1


def test_a_conversation_goes_on_after_its_image_without_computing_it_again(bench: Bench, file: ModelFile) -> None:
    first = chat("What is this? ", png(80, (64, 64)), " Say it in a few words, and no more than that.")
    answer = Message(role="assistant", content="It is noise, and nothing besides.")
    later = Message(role="user", content="Look again!")
    second = msgspec.structs.replace(first, messages=(*first.messages, answer, later))
    with Bench(file, prefix_cache_bytes=0) as forgetful:
        expected = forgetful.answer(about(second))
    bench.answer(about(first))
    chunks = bench.answer(about(second))
    [span] = bench.intake.tokenize(second, bench.read(second)).spans
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.cached_tokens > span.stop
    assert chunks[-1].timings is not None
    assert chunks[-1].timings.media_read == 0
    assert tokens_of(chunks) == tokens_of(expected)
    assert logprobs_of(chunks) == pytest.approx(logprobs_of(expected), abs=2e-3)


@pytest.mark.parametrize("ending", ["finished", "cancelled"])
def test_what_an_image_became_is_let_go_with_its_answer(file: ModelFile, ending: str) -> None:
    # Rows are tens of megabytes, and the collector of cycles counts objects: nothing may wait for it.
    gc.disable()
    try:
        with Bench(file) as bench:
            bench.senses = Senses(bench.model, msgspec.structs.replace(bench.load, media_cache_bytes=0))
            prepared = bench.prepared(about(chat("Look ", png(90, (64, 64)), " there"), choices=2))
            rows = weakref.ref(prepared.spans[0].rows.values)
            bench.scheduler.submit(prepared)
            del prepared
            if ending == "cancelled":
                bench.scheduler.step()
                bench.scheduler.cancel(bench.call)
            bench.run()
            assert rows() is None
    finally:
        gc.enable()


def test_another_image_in_the_same_text_shares_only_what_is_before_it(bench: Bench) -> None:
    before = "These words are the same in both prompts, and they are many. "
    one, other = (chat(before, png(seed, (64, 64)), " What is it?") for seed in (8, 9))
    first = tokens_of(bench.answer(about(one)))
    chunks = bench.answer(about(other))
    usage = chunks[-1].usage
    assert usage is not None
    span = bench.intake.tokenize(other, bench.read(other)).spans[0]
    assert usage.cached_tokens == span.start > len(before.split())
    assert tokens_of(chunks) != first


def test_a_marker_in_a_users_text_is_text(bench: Bench) -> None:
    plain = bench.answer(about(chat("The words <__media__> and <lot-9> are only words ", png(1, (64, 40)), ".")))
    assert len(tokens_of(plain)) == ANSWER_TOKENS


def test_a_template_that_loses_an_image_is_told_so(bench: Bench) -> None:
    part = MediaPart(kind="image", data=png(), marker="<lot>", place="messages[0].content[0]")
    prompt = ChatPrompt(messages=(Message(role="user", content="no mark here"),), media=(part,))
    with pytest.raises(CrofterError) as caught:
        bench.submit(about(prompt))
    assert caught.value.code is ErrorCode.MODEL_INVALID


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (4096, 7), (2, 2), (700, 3)])
def test_images_of_odd_shapes_are_read_or_refused(bench: Bench, size: tuple[int, int]) -> None:
    # An assertion of libmtmd's would end this process, as it would a worker.
    try:
        chunks = bench.answer(about(chat("Look ", png(1, size), " there")))
    except CrofterError as error:
        assert error.code in {ErrorCode.INVALID_REQUEST, ErrorCode.CONTEXT_LENGTH_EXCEEDED}  # noqa: PT017 - either will do
    else:
        assert len(tokens_of(chunks)) == ANSWER_TOKENS


def test_reading_ends_when_the_context_cannot_hold_it_or_nobody_waits(bench: Bench) -> None:
    images = tuple(png(seed, (64, 64)) for seed in range(60, 64))
    prompt = chat(*images, "What are they?")
    senses = Senses(bench.model, msgspec.structs.replace(bench.load, context_tokens=250))
    with pytest.raises(CrofterError) as caught:
        senses.read(prompt.media * 32)
    assert caught.value.code is ErrorCode.CONTEXT_LENGTH_EXCEEDED
    with pytest.raises(CrofterError) as caught:
        senses.read(prompt.media, lambda: False)
    senses.close()
    assert caught.value.code is ErrorCode.CANCELLED


def test_a_model_without_ears_says_so(bench: Bench) -> None:
    with pytest.raises(CrofterError) as caught:
        bench.submit(about(chat("Listen: ", b"RIFF", kind="audio")))
    assert (caught.value.code, caught.value.parameter) == (ErrorCode.UNSUPPORTED, "messages[0].content[1]")


def test_a_sound_is_heard_as_the_librarys_own_helper_hears_it(tmp_path: Path) -> None:
    file = model_with_eyes(tmp_path, "ultravox")
    sound = io.BytesIO()
    with wave.open(sound, "wb") as writer:
        writer.setparams((1, 2, 16_000, 0, "NONE", ""))
        writer.writeframes((np.sin(np.arange(32_000) * 0.05) * 9_000).astype("<i2").tobytes())
    # All but thirty seconds are silence that is added: the rows are those of half a minute.
    prompt = chat("Listen: ", sound.getvalue(), " What was that?", kind="audio")
    with Bench(file) as bench:
        tokens, logprobs = reference(bench, file, prompt)
        chunks = bench.answer(about(prompt))
        with pytest.raises(CrofterError, match="takes no images"):
            bench.submit(about(chat("Look: ", png())))
    assert tokens_of(chunks) == tokens
    assert logprobs_of(chunks) == pytest.approx(logprobs, abs=1e-4)
