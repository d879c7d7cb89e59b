"""The worker's two threads: one takes messages in and prepares them, the other computes and writes what comes out."""

import os
import queue
import threading
import time
import traceback
from collections.abc import Callable
from typing import BinaryIO, TypeVar

from crofter.core import ChatPrompt, CrofterError, ErrorCode, GenerationRequest
from crofter.engine.messages import Returned
from crofter.engine.wire import (
    Accepted,
    Cancel,
    Embed,
    Failed,
    FromWorker,
    Generate,
    Loaded,
    LoadPlan,
    Measure,
    Measured,
    Occupancy,
    Rerank,
    Tokenize,
    Tokenized,
    ToWorker,
    frame,
    to_worker_decoder,
)

from .embedder import Embedder
from .embedding_rows import EmbeddingRows
from .intake import Intake
from .library import Model, start_library
from .measure import measure
from .media import takes_none
from .media_intake import MediaIntake
from .pooler import PooledCall, Pooler
from .ranker import Ranker
from .renderer import Renderer
from .route import Route
from .scheduler import Scheduler
from .session import PreparedRequest
from .vocabulary import Vocabulary

_OCCUPANCY_SECONDS = 0.25
_SIGN_OF_LIFE_SECONDS = 2.0
_POOLING_RANK = "4"
"""As the metadata of a model file has it."""

T = TypeVar("T")


_Inbox = PreparedRequest | PooledCall | Cancel | Measure | Accepted | Failed | Tokenized | Returned


class WorkerLoop:
    """One loaded model and all that is asked of it."""

    def __init__(
        self, load: LoadPlan, stream: BinaryIO, output: BinaryIO, read_frame: Callable[[BinaryIO], bytes | None]
    ) -> None:
        """Loads the model. Raises CrofterError if that fails."""
        started = time.monotonic()
        self._inbox: queue.SimpleQueue[_Inbox] = queue.SimpleQueue()
        self._stream = stream
        self._output = output
        self._read_frame = read_frame
        renderer = Renderer()  # Before the model, beside whose loading it starts.
        start_library()
        model = Model(load)
        architecture = model.metadata("general.architecture")
        pooling = model.metadata(f"{architecture}.pooling_type")
        ranks = load.ranks or pooling == _POOLING_RANK
        reads_only = pooling is not None or ranks
        vocabulary = Vocabulary(model)
        self._intake = Intake(model, vocabulary, renderer, load.context_tokens)
        self._media = self._media_intake(model, load) if load.projector else None
        self._pooler = Pooler(model, load, dedicated=reads_only, ranks=ranks)
        self._embedder = None if ranks or load.slice is not None else Embedder(vocabulary, self._pooler.capacity_tokens)
        self._ranker = Ranker(model, vocabulary, self._pooler.capacity_tokens) if ranks else None
        self._scheduler = (
            None
            if reads_only
            else Scheduler(
                model, vocabulary, load, self._intake.markers, lambda: not self._inbox.empty(), _route(model, load)
            )
        )
        self._last_occupancy: Occupancy | None = None
        self._last_sent = 0.0
        self._send(
            Loaded(
                context_tokens=load.context_tokens,
                kv_tokens=load.kv_tokens,
                vocabulary_size=model.vocabulary_size,
                gpu_layers=model.gpu_layers,
                threads=load.threads,
                load_seconds=time.monotonic() - started,
            )
        )

    def _media_intake(self, model: Model, load: LoadPlan) -> MediaIntake:
        from .senses import Senses  # It loads a library that most models have no use for.

        return MediaIntake(Senses(model, load), self._intake, self._inbox.put, self._refuse)

    def run(self) -> None:
        """Serve until the process ends."""
        threading.Thread(target=self._take_in, name="intake", daemon=True).start()
        if self._media is not None:
            self._media.start()
        while True:
            self._drain_inbox()
            messages: list[FromWorker] = []
            if self._scheduler is not None:
                if self._scheduler.busy:
                    self._send(*self._scheduler.take_outbox())
                    self._scheduler.step()
                messages = self._scheduler.take_outbox()
            if self._pooler.busy:
                messages += self._pooler.step()
            self._send(*messages)
            self._report()

    # The computing thread.

    @property
    def _idle(self) -> bool:
        return not self._pooler.busy and not (self._scheduler is not None and self._scheduler.busy)

    def _drain_inbox(self) -> None:
        try:
            self._handle(self._inbox.get(timeout=_SIGN_OF_LIFE_SECONDS) if self._idle else self._inbox.get_nowait())
            while True:
                self._handle(self._inbox.get_nowait())
        except queue.Empty:
            return

    def _handle(self, item: _Inbox) -> None:
        match item:
            case PreparedRequest():
                self._send(Accepted(call=item.call))
                if self._scheduler is None:
                    self._send(Failed(call=item.call, error=_unable("writes nothing").report()))
                else:
                    self._scheduler.submit(item)
            case PooledCall():
                self._send(Accepted(call=item.call))
                self._pooler.submit(item)
            case Cancel():
                self._pooler.cancel(item.call)
                if self._scheduler is not None:
                    self._scheduler.cancel(item.call)
            case Measure():
                self._send(self._measure(item))
            case Returned():
                if self._scheduler is not None:
                    self._scheduler.returned(item)
            case Accepted() | Failed() | Tokenized():
                self._send(item)

    def _measure(self, call: Measure) -> FromWorker:
        """Time bare decoding on the idle context; what is in it is forgotten."""
        if self._scheduler is None or self._scheduler.over_route:
            return Failed(call=call.call, error=_unable("writes nothing").report())
        prefill, decode = measure(self._scheduler.context, call.prompt_tokens, call.answer_tokens)
        return Measured(call=call.call, prefill_tokens_per_second=prefill, decode_tokens_per_second=decode)

    def _report(self) -> None:
        now = time.monotonic()
        if not self._idle and now - self._last_sent < _OCCUPANCY_SECONDS:
            return
        occupancy = self._last_occupancy
        if self._scheduler is not None:
            occupancy = self._scheduler.occupancy()
        elif occupancy is None:
            occupancy = Occupancy(
                active_requests=0, queued_requests=0, kv_tokens_used=0, cached_prefixes=0, cached_prefix_bytes=0
            )
        if occupancy != self._last_occupancy or now - self._last_sent > _SIGN_OF_LIFE_SECONDS:
            self._last_occupancy, self._last_sent = occupancy, now
            self._send(occupancy)

    def _send(self, *messages: FromWorker) -> None:
        if messages:
            data = b"".join(map(frame, messages))
            while data:
                data = data[self._output.write(data) :]

    # The intake thread.

    def _take_in(self) -> None:
        while (payload := self._read_frame(self._stream)) is not None:
            message = to_worker_decoder.decode(payload)
            try:
                self._take(message)
            except Exception as error:  # noqa: BLE001 - one surprise must not leave all later requests without an answer
                self._refuse(message.call, error)
        # The node is gone: there is nobody to compute for. Exit even in the middle of a decode.
        os._exit(0)

    def _take(self, message: ToWorker) -> None:
        match message:
            case Generate(request=GenerationRequest(prompt=ChatPrompt(media=[_, *_]) as prompt)):
                self._take_media(message, prompt)
            case Generate():
                self._inbox.put(self._intake.prepare(message.call, message.request, time.monotonic()))
            case Embed():
                self._inbox.put(_able(self._embedder, "makes no embeddings").prepare(message))
            case Rerank():
                self._inbox.put(_able(self._ranker, "does not rank texts").prepare(message))
            case Tokenize(prompt=ChatPrompt(media=[_, *_]) as prompt):
                self._take_media(message, prompt)
            case Tokenize():
                tokens = self._intake.tokenize(message.prompt).ids
                pieces = self._intake.written(tokens) if message.with_pieces else ()
                self._inbox.put(Tokenized(call=message.call, tokens=tuple(tokens), pieces=pieces))
            case Cancel():
                if self._media is not None:
                    self._media.cancel(message.call)
                self._inbox.put(message)
            case Measure() | Returned():
                self._inbox.put(message)
            case _:
                raise _unable("is whole: it takes no rows")

    def _take_media(self, message: Generate | Tokenize, prompt: ChatPrompt) -> None:
        if self._media is None:
            raise takes_none(prompt.media[0])
        self._media.submit(message, prompt)
        self._inbox.put(Accepted(call=message.call))  # Images take longer than a prompt's text ever should.

    def _refuse(self, call: int, error: Exception) -> None:
        if not isinstance(error, CrofterError):
            traceback.print_exception(error)
            error = CrofterError(ErrorCode.INTERNAL, f"the request could not be prepared: {error!r}")
        self._inbox.put(Failed(call=call, error=error.report()))


def _route(model: Model, load: LoadPlan) -> Route | None:
    """What stands in for the layers of ends."""
    if load.slice is None or load.slice.embeddings is None:
        return None
    return Route(model, load, load.slice, EmbeddingRows(load.slice.embeddings))


def _able(part: T | None, otherwise: str) -> T:
    """The part of the worker that does something. Raises UNSUPPORTED if the model cannot."""
    if part is None:
        raise _unable(otherwise)
    return part


def _unable(what: str) -> CrofterError:
    return CrofterError(ErrorCode.UNSUPPORTED, f"this model {what}", parameter="model")
