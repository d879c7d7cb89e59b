"""The one scheduler: many answers in one llama_decode, prompts read in chunks beside them.

Each step takes one row of every answer being written, fills up with prompt rows, runs llama.cpp once and draws a token for each
sequence whose rows are all computed. Single-threaded: nothing here is shared.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from crofter.core import Chunk, CrofterError, ErrorCode, FinishReason
from crofter.engine.messages import Returned
from crofter.engine.wire import Chunks, Failed, FromWorker, LoadPlan, Occupancy

from .composer import Batch, Composer
from .context import DECODED, INTERRUPTED, NO_KV_ROOM, Context
from .library import Model
from .residence import Residence
from .route import Route
from .sampler import Sampler, complete, recommended, token_logprob
from .session import Answer, PreparedRequest, Session
from .text import TextAssembler
from .vocabulary import Vocabulary

_SECONDS_BETWEEN_CHUNKS = 0.02


class Scheduler:
    """Runs prepared requests to their end; `step` is called as long as `busy`."""

    def __init__(
        self,
        model: Model,
        vocabulary: Vocabulary,
        load: LoadPlan,
        markers: tuple[str, str] | None,
        interrupted: Callable[[], bool],
        route: Route | None = None,
    ) -> None:
        """`interrupted` tells whether something has come in that a long step should not keep waiting. `route`: stands in for the
        layers that the model has not.
        """
        self._model = model
        self._vocabulary = vocabulary
        self._load = load
        self._markers = markers
        self._thinking_end = (
            vocabulary.tokenize(markers[1], add_special=False, parse_special=True) if markers is not None else []
        )
        self._route = route
        self._residence = residence = Residence(model, load, interrupted) if route is None else route
        self._context = self._residence.context
        self._recommended = recommended(model)
        self._waiting: deque[Session] = deque()
        self._finished: list[Session] = []
        """Their last chunk goes out first; then what they computed is parked, which takes a while for long answers."""
        self._composer = (
            residence if isinstance(residence, Route) else Composer(residence, load, recurrent=model.recurrent)
        )
        self._outbox: list[FromWorker] = []
        self._chunks: list[tuple[int, Chunk]] = []
        self._unsent: dict[Session, None] = {}
        """Sessions with text that nobody has seen, in order."""
        self._chunks_sent = 0.0
        self._answers: dict[int, Answer] = {}
        self._answer_seconds = 1.0

    @property
    def busy(self) -> bool:
        """Whether a step has anything to do."""
        return bool(self._finished) or self._residence.ready or self._next_in_line is not None

    @property
    def _alone(self) -> bool:
        return len(self._residence.residents) == 1 and not self._waiting

    @property
    def over_route(self) -> bool:
        """Whether the layers are computed elsewhere."""
        return self._route is not None

    @property
    def context(self) -> Context:
        """For measuring while idle."""
        return self._context

    def submit(self, prepared: PreparedRequest) -> None:
        """Take a request into the line, or answer at once why not."""
        if len(self._waiting) >= self._load.queue_limit:
            self._fail(
                [prepared.call],
                CrofterError(
                    ErrorCode.OVERLOADED,
                    f"{len(self._waiting)} requests are waiting for this model already",
                    retry_after_seconds=max(1.0, self._answer_seconds * len(self._waiting) / self._load.sequences),
                ),
            )
            return
        answer = Answer(prepared, open_choices=prepared.request.choices)
        answer.sessions.extend(self._session(answer, choice) for choice in range(prepared.request.choices))
        self._answers[prepared.call] = answer
        if prepared.request.echo:
            text = self._vocabulary.text(prepared.tokens)
            self._chunks.extend((prepared.call, Chunk(choice=session.choice, text=text)) for session in answer.sessions)
        if prepared.answer_limit == 0:
            for session in list(answer.sessions):
                self._finish(session, "length")
            return
        self._line_up(answer.sessions)

    def cancel(self, call: int) -> None:
        """Stop a request and free all it holds; unknown calls are finished ones."""
        answer = self._answers.pop(call, None)
        if answer is not None:
            for session in answer.sessions:
                self._residence.park(session)
                self._release(session)
            answer.sessions.clear()

    def step(self) -> None:
        """Admit, decode once, draw tokens. Never raises for what a request does: it fails those requests."""
        self._clear_away()
        self._make_room()
        self._admit()
        if self._residence.residents:
            self._choose_adapters()
            self._compute()
        self._forward()

    def returned(self, message: Returned) -> None:
        """Take what a route gave back."""
        if self._route is not None:
            try:
                self._route.returned(message)
            except CrofterError as error:
                self._fail([message.call], error)

    def _compute(self) -> None:
        batch = self._composer.compose(alone=self._alone)
        if not batch:
            return
        code = self._composer.compute(batch, alone=self._alone)
        if code == DECODED:
            self._draw(batch)
        elif code != INTERRUPTED:
            self._decode_failed(batch, code)

    def _forward(self) -> None:
        """What has been drawn goes on its way at once."""
        route = self._route
        for session in list(route.residents) if route is not None else ():
            # A sibling's failure may have taken it out by now.
            if route is None or session.sequence < 0 or session in self._finished:
                continue
            try:
                route.forward(session)
            except CrofterError as error:
                self._fail([session.answer.prepared.call], error)

    def take_outbox(self) -> list[FromWorker]:
        """Messages for the node since the last call. To be called before and after each step.

        Text is shown some fifty times a second at most: whoever handles a token takes the processor from those who compute the
        next one. First and last words do not wait, and nothing waits for a step that reads.
        """
        messages, self._outbox = self._outbox, []
        if self._route is not None:
            messages += self._route.take_outbox()
        now = time.monotonic()
        reading = self._waiting or not all(session.writing for session in self._residence.residents)
        quick_step_next = self._residence.ready and not reading
        if self._chunks or not quick_step_next or now - self._chunks_sent >= _SECONDS_BETWEEN_CHUNKS:
            self._chunks.extend((session.answer.prepared.call, session.show()) for session in self._unsent)
            self._unsent.clear()
        if self._chunks:
            messages.append(Chunks(chunks=tuple(self._chunks)))
            self._chunks = []
            self._chunks_sent = now
        return messages

    def occupancy(self) -> Occupancy:
        """How full everything is."""
        return Occupancy(
            active_requests=len({session.answer.prepared.call for session in self._residence.residents}),
            queued_requests=len(self._waiting),
            kv_tokens_used=self._residence.used_cells,
            cached_prefixes=len(self._residence.prefixes),
            cached_prefix_bytes=self._residence.prefixes.used_bytes,
        )

    def _session(self, answer: Answer, choice: int) -> Session:
        prepared = answer.prepared
        request = prepared.request
        sampling = request.sampling
        if sampling.seed is not None and choice:
            sampling = msgspec.structs.replace(sampling, seed=sampling.seed + choice)
        return Session(
            answer=answer,
            choice=choice,
            sampler=Sampler(
                self._model,
                complete(sampling, self._recommended),
                prepared.constraint() if prepared.constraint else None,
                prepared.tokens,
            ),
            assembler=TextAssembler(
                request.stop,
                self._markers,
                begins_inside=prepared.begins_thinking,
                calls=prepared.calls() if prepared.calls else None,
            ),
            tokens=list(prepared.tokens),
            salt=repr([(use.path, use.scale) for use in request.adapters]).encode() if request.adapters else b"",
        )

    # Admission.

    def _make_room(self) -> None:
        for session in self._residence.overcrowding():
            # It goes on later from the same tokens with the same sampler: the answer does not change.
            self._residence.park(session)
            self._give_way(session)

        while self._owner_waits and (guests := [one for one in self._residence.residents if one.for_others]):
            self._residence.park(guests[-1])
            self._give_way(guests[-1])

    @property
    def _owner_waits(self) -> bool:
        """Whether the owner's next request has no room."""
        if self._route is not None or not self._waiting or self._waiting[0].for_others:
            return False
        return not self._residence.has_room_for(self._waiting[0])

    def _line_up(self, sessions: Sequence[Session]) -> None:
        """At the end of the line, but the owner's before those of others."""
        guests = [one for one in self._waiting if one.for_others]
        owners = [one for one in self._waiting if not one.for_others]
        self._waiting = deque(
            [*owners, *sessions, *guests] if not sessions[0].for_others else [*owners, *guests, *sessions]
        )

    def _give_way(self, session: Session) -> None:
        self._residence.leave(session)
        if session.for_others:
            owners = [one for one in self._waiting if not one.for_others]
            self._waiting = deque([*owners, session, *(one for one in self._waiting if one.for_others)])
        else:
            self._waiting.appendleft(session)

    @property
    def _next_in_line(self) -> Session | None:
        """Who may enter now."""
        if not self._waiting or not self._residence.has_room_for(self._waiting[0]):
            return None
        session = self._waiting[0]
        first = session.answer.sessions[0]
        if session is not first and first in self._residence.residents and not first.answer_tokens:
            return None  # The first choice is still reading the prompt that this one will share.
        return session

    def _admit(self) -> None:
        while (session := self._next_in_line) is not None:
            answer = session.answer
            first = answer.sessions[0]
            self._waiting.popleft()
            answer.admitted = answer.admitted or time.monotonic()
            cached = self._residence.enter(session)
            if session is first and not session.answer_tokens:
                answer.cached_tokens = cached

    # One step.

    def _choose_adapters(self) -> None:
        # Adapters belong to the context, so sessions under others take turns, a step each.
        salts = sorted({session.salt for session in self._residence.residents})
        if salts == [self._residence.salt]:
            return
        salt = next((salt for salt in salts if salt > self._residence.salt), salts[0])
        sharers = [session for session in self._residence.residents if session.salt == salt]
        try:
            self._residence.use_adapters(salt, sharers[0].answer.prepared.request.adapters)
        except CrofterError as error:
            self._fail([session.answer.prepared.call for session in sharers], error)

    def _draw(self, batch: Batch) -> None:
        row = -1
        for session, count in batch:
            row += count
            session.computed += count
            # A sibling's failure has taken a choice out of the step by now.
            if session.pending == 0 and session.sequence >= 0:
                try:
                    self._draw_token(session, row)
                except CrofterError as error:
                    self._fail([session.answer.prepared.call], error)

    def _draw_token(self, session: Session, row: int) -> None:
        answer = session.answer
        request = answer.prepared.request
        if session.thought_enough and not session.forced:
            session.forced.extend(self._thinking_end)
        forced = bool(session.forced)
        if forced:
            token = session.forced.popleft()
            session.sampler.take(token)
        else:
            token = session.sampler.sample(self._context, row, constrained=not session.assembler.thinking)
        if answer.first_token is None:
            answer.first_token = time.monotonic()
        if not session.answer_tokens:
            self._residence.publish(session)
        if self._vocabulary.ends_generation(token):
            self._finish(session, "stop")
            return
        logprob = None
        if request.top_logprobs is not None:
            logits = self._context.logits(row)
            logprob = token_logprob(logits, token, request.top_logprobs, self._vocabulary.piece)
        if session.accept(token, self._vocabulary.piece(token), logprob, forced=forced):
            if len(session.unsent_tokens) == session.answer_tokens:
                self._chunks.append((answer.prepared.call, session.show()))
            else:
                self._unsent[session] = None
        if session.assembler.stop_string is not None or session.assembler.calls_ended:
            self._finish(session, "stop")
        elif session.answer_tokens >= answer.prepared.answer_limit or len(session.tokens) >= self._load.context_tokens:
            self._finish(session, "length")

    # Endings.

    def _finish(self, session: Session, reason: FinishReason) -> None:
        answer = session.answer
        self._unsent.pop(session, None)
        self._chunks.append((answer.prepared.call, session.finish(reason)))
        self._finished.append(session)
        if answer.open_choices == 0:
            del self._answers[answer.prepared.call]
            seconds = time.monotonic() - answer.prepared.arrived
            self._answer_seconds = 0.8 * self._answer_seconds + 0.2 * seconds

    def _clear_away(self) -> None:
        for session in self._finished:
            self._residence.park(session)
            self._release(session)
            if session.answer.open_choices == 0:
                session.answer.sessions.clear()
        self._finished.clear()

    def _fail(self, calls: list[int], error: CrofterError) -> None:
        for call in dict.fromkeys(calls):
            if (answer := self._answers.pop(call, None)) is not None:
                for session in answer.sessions:
                    self._release(session)
                answer.sessions.clear()
            self._outbox.append(Failed(call=call, error=error.report()))

    def _decode_failed(self, batch: Batch, code: int) -> None:
        if code == NO_KV_ROOM and len(self._residence.residents) > 1:
            self._give_way(self._residence.residents[-1])
            return
        error = CrofterError(ErrorCode.WORKER_FAILED, f"llama.cpp failed to compute (code {code})")
        self._fail([session.answer.prepared.call for session, _ in batch], error)

    def _release(self, session: Session) -> None:
        self._unsent.pop(session, None)
        self._residence.leave(session)
        if session in self._waiting:
            self._waiting.remove(session)
        session.sampler.close()
