"""The bare loop that everything is compared with: llama_decode and a sampler, nothing else, in a process of its own.

The same library, model file, context parameters and sampler settings as the node's worker, but none of its code. Reads one JSON
command a line from standard input, answers with one JSON line each, so that its runs can be interleaved with the node's.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (the binding's ctypes functions are only partly typed)

import ctypes
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast

if TYPE_CHECKING:
    from llama_cpp import llama_cpp

FLASH_ATTENTION = {"auto": -1, "off": 0, "on": 1}


class BareSettings(NamedTuple):
    """What the node's worker was loaded with."""

    kv_tokens: int
    sequences: int
    micro_batch_rows: int
    threads: int
    batch_threads: int
    flash_attention: str
    repack: bool


class Written(NamedTuple):
    """One answer."""

    prompt_tokens: int
    answer_tokens: int
    first_token_seconds: float
    """Tokenising, reading the prompt, drawing the first token."""
    total_seconds: float

    @property
    def decode_rate(self) -> float:
        """Tokens a second after the first."""
        return (self.answer_tokens - 1) / (self.total_seconds - self.first_token_seconds)

    @property
    def prefill_rate(self) -> float:
        """Prompt tokens a second, up to the first token drawn."""
        return self.prompt_tokens / self.first_token_seconds


class BareLoop:
    """The child process, as the benchmark uses it."""

    def __init__(self, model: Path, settings: BareSettings) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(model), json.dumps(settings._asdict())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def write(self, prompt: str, tokens: int) -> Written:
        """Read a prompt and write an answer of so many tokens."""
        return Written(**self._ask(command="write", prompt=prompt, tokens=tokens))

    def batch_seconds(self, prompts: list[str], tokens: int) -> float:
        """Time to read all prompts and write an answer to each, all at once."""
        return self._ask(command="batch", prompts=prompts, tokens=tokens)["seconds"]

    def chunk_seconds(self, prompt: str, rows: int) -> float:
        """Time of one llama_decode over this many more rows after a prompt."""
        return self._ask(command="chunk", prompt=prompt, rows=rows)["seconds"]

    def token_count(self, text: str) -> int:
        """How many tokens a text has."""
        return self._ask(command="count", prompt=text)["tokens"]

    @property
    def process_id(self) -> int:
        return self._process.pid

    def _ask(self, **command: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the bare loop died (exit status {self._process.wait()})")
        return cast(dict[str, Any], json.loads(line))


def _say_nothing(_level: int, _text: bytes, _data: object) -> None:
    pass


class _Loop:
    """The child's side."""

    def __init__(self, model: str, settings: BareSettings) -> None:
        from llama_cpp import llama_cpp as llama

        self._llama = llama
        self._silence = llama.llama_log_callback(_say_nothing)
        llama.llama_log_set(self._silence, ctypes.c_void_p())
        llama.llama_backend_init()
        model_parameters = llama.llama_model_default_params()
        model_parameters.use_extra_bufts = settings.repack
        if settings.repack:
            model_parameters.load_mode = llama.LLAMA_LOAD_MODE_NONE
        self._model: Any = llama.llama_model_load_from_file(model.encode(), model_parameters)
        parameters = llama.llama_context_default_params()
        parameters.n_ctx = settings.kv_tokens
        parameters.n_batch = parameters.n_ubatch = self._rows = settings.micro_batch_rows
        parameters.n_seq_max = parameters.n_outputs_max = settings.sequences
        parameters.n_threads = settings.threads
        parameters.n_threads_batch = settings.batch_threads
        parameters.flash_attn_type = FLASH_ATTENTION[settings.flash_attention]
        parameters.kv_unified = True
        parameters.no_perf = True
        self._context: Any = llama.llama_init_from_model(self._model, parameters)
        self._memory: Any = llama.llama_get_memory(self._context)
        self._vocabulary: Any = llama.llama_model_get_vocab(self._model)
        self._batch = llama.llama_batch_init(settings.micro_batch_rows, 0, 1)

    def answer(self, command: dict[str, Any]) -> dict[str, object]:
        """Do what a command says, on an empty context."""
        self._llama.llama_memory_clear(self._memory, False)
        match command["command"]:
            case "write":
                return self._write(command["prompt"], command["tokens"])
            case "batch":
                return self._write_all(command["prompts"], command["tokens"])
            case "chunk":
                return self._chunk(command["prompt"], command["rows"])
            case _:
                return {"tokens": len(self._tokenize(command["prompt"]))}

    def _write(self, prompt: str, tokens: int) -> dict[str, object]:
        llama, context = self._llama, self._context
        sampler = self._sampler()
        started = time.monotonic()
        rows = self._tokenize(prompt)
        self._read(rows)
        token = (llama.llama_token * 1)(llama.llama_sampler_sample(sampler, context, -1))
        read = time.monotonic()
        for _ in range(tokens - 1):
            self._decode(llama.llama_batch_get_one(token, 1))
            token[0] = llama.llama_sampler_sample(sampler, context, -1)
        ended = time.monotonic()
        llama.llama_sampler_free(sampler)
        return {
            "prompt_tokens": len(rows),
            "answer_tokens": tokens,
            "first_token_seconds": read - started,
            "total_seconds": ended - started,
        }

    def _write_all(self, prompts: list[str], tokens: int) -> dict[str, object]:
        llama, context, batch = self._llama, self._context, self._batch
        samplers = [self._sampler() for _ in prompts]
        started = time.monotonic()
        last_rows: list[int] = []
        batch.n_tokens = 0
        for sequence, prompt in enumerate(prompts):
            rows = self._tokenize(prompt)
            for position, token in enumerate(rows):
                self._add_row(token, position, sequence, wanted=position == len(rows) - 1)
            last_rows.append(batch.n_tokens - 1)
        positions = [batch.pos[row] for row in last_rows]
        self._decode(batch)
        drawn = [llama.llama_sampler_sample(s, context, row) for s, row in zip(samplers, last_rows, strict=True)]
        for step in range(1, tokens):
            batch.n_tokens = 0
            for sequence, token in enumerate(drawn):
                self._add_row(token, positions[sequence] + step, sequence, wanted=True)
            self._decode(batch)
            drawn = [llama.llama_sampler_sample(sampler, context, row) for row, sampler in enumerate(samplers)]
        ended = time.monotonic()
        for sampler in samplers:
            llama.llama_sampler_free(sampler)
        return {"seconds": ended - started}

    def _decode(self, batch: "llama_cpp.llama_batch") -> None:
        if self._llama.llama_decode(self._context, batch) != 0:
            raise RuntimeError("llama_decode failed")

    def _read(self, tokens: list[int]) -> None:
        llama = self._llama
        for start in range(0, len(tokens), self._rows):
            rows = tokens[start : start + self._rows]
            part = (llama.llama_token * len(rows))(*rows)  # The batch only points to it.
            self._decode(llama.llama_batch_get_one(part, len(part)))

    def _chunk(self, prompt: str, rows: int) -> dict[str, object]:
        tokens = self._tokenize(prompt)
        self._read(tokens)
        seconds: list[float] = []
        for _ in range(5):
            started = time.monotonic()
            self._read(tokens[:rows])
            self._llama.llama_get_logits_ith(self._context, -1)
            seconds.append(time.monotonic() - started)
        return {"seconds": sorted(seconds)[2]}

    def _add_row(self, token: int, position: int, sequence: int, *, wanted: bool) -> None:
        batch = self._batch
        row = batch.n_tokens
        batch.token[row] = token
        batch.pos[row] = position
        batch.n_seq_id[row] = 1
        batch.seq_id[row][0] = sequence
        batch.logits[row] = wanted
        batch.n_tokens = row + 1

    def _sampler(self) -> "llama_cpp.llama_sampler_p":
        """llama.cpp's default chain, which is also the node's when a request says nothing."""
        llama = self._llama
        chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        for link in (
            llama.llama_sampler_init_top_k(40),
            llama.llama_sampler_init_top_p(0.95, 1),
            llama.llama_sampler_init_min_p(0.05, 1),
            llama.llama_sampler_init_temp(0.8),
            llama.llama_sampler_init_dist(1),
        ):
            llama.llama_sampler_chain_add(chain, link)
        return chain

    def _tokenize(self, text: str) -> list[int]:
        data = text.encode()
        tokens = (self._llama.llama_token * (len(data) + 8))()
        count = self._llama.llama_tokenize(self._vocabulary, data, len(data), tokens, len(tokens), True, True)
        return tokens[:count]


def _main() -> None:
    # Whatever the library prints to standard output must not end up between the answers.
    output = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    loop = _Loop(sys.argv[1], BareSettings(**json.loads(sys.argv[2])))
    for line in sys.stdin:
        output.write(json.dumps(loop.answer(json.loads(line))) + "\n")


if __name__ == "__main__":
    _main()
