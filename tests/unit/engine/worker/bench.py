"""What stands in a worker before a model, in the process of a test: intake, eyes and ears, scheduler."""

import time
from collections.abc import Callable
from typing import Self

import msgspec

from crofter.core import ChatPrompt, Chunk, GenerationRequest, ModelFile
from crofter.engine import EngineSettings, machine_now
from crofter.engine.plan import plan_load
from crofter.engine.wire import Chunks, Failed
from crofter.engine.worker.intake import Intake
from crofter.engine.worker.library import Model, start_library
from crofter.engine.worker.media import Readings
from crofter.engine.worker.renderer import Renderer
from crofter.engine.worker.scheduler import Scheduler
from crofter.engine.worker.senses import Senses
from crofter.engine.worker.session import PreparedRequest
from crofter.engine.worker.vocabulary import Vocabulary


class Bench:
    """A scheduler with all that a worker puts before it; `interrupted` is what the inbox would say."""

    def __init__(self, file: ModelFile, **settings: int | str) -> None:
        chosen = msgspec.convert({"parallel_requests": 4} | settings, EngineSettings)
        self.load = plan_load(file, machine_now(), chosen, None)
        start_library()
        self.model = Model(self.load)
        self.vocabulary = Vocabulary(self.model)
        self.interrupted: Callable[[], bool] = bool
        self.renderer = Renderer()
        self.intake = Intake(self.model, self.vocabulary, self.renderer, self.load.context_tokens)
        self.senses = Senses(self.model, self.load) if self.load.projector else None
        self.scheduler = Scheduler(self.model, self.vocabulary, self.load, None, lambda: self.interrupted())  # noqa: PLW0108 - tests exchange it
        self.call = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.renderer.close()
        if self.senses is not None:
            self.senses.close()

    def read(self, prompt: ChatPrompt) -> Readings:
        """What a prompt's media become."""
        assert self.senses is not None
        return self.senses.read(prompt.media)

    def prepared(self, request: GenerationRequest) -> PreparedRequest:
        self.call += 1
        prompt = request.prompt
        readings = self.read(prompt) if isinstance(prompt, ChatPrompt) and prompt.media else Readings({})
        return self.intake.prepare(self.call, request, time.monotonic(), readings)

    def submit(self, request: GenerationRequest) -> int:
        prepared = self.prepared(request)
        self.scheduler.submit(prepared)
        return prepared.call

    def outbox(self) -> list[tuple[int, Chunk]]:
        pairs: list[tuple[int, Chunk]] = []
        for message in self.scheduler.take_outbox():
            assert not isinstance(message, Failed), message
            if isinstance(message, Chunks):
                pairs.extend(message.chunks)
        return pairs

    def run(self) -> dict[int, list[Chunk]]:
        """Until all is answered: the chunks of each call."""
        found: dict[int, list[Chunk]] = {}
        while self.scheduler.busy:
            self.scheduler.step()
            for call, chunk in self.outbox():
                found.setdefault(call, []).append(chunk)
        return found

    def answer(self, request: GenerationRequest) -> list[Chunk]:
        call = self.submit(request)
        return self.run()[call]
