"""In-memory stand-ins for what the real node wires: a backend with scripted replies, a catalogue, an administration."""

import struct
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Literal

import anyio
import msgspec

from crofter.api import (
    CatalogueItem,
    Check,
    CreatedKey,
    DayUsage,
    FoundModels,
    ImportRequest,
    KeyChange,
    KeyPolicy,
    KeyRequest,
    KeySummary,
    KnownProvider,
    LoadedModel,
    ModelChange,
    ModelDetails,
    ModelSearch,
    ModelSummary,
    NewProvider,
    NodeIdentity,
    NodeStatus,
    ProviderChange,
    ProviderSummary,
    ProviderTrial,
    PullProgress,
    PullRequest,
    QuantizeRequest,
    Setting,
    TuneProgress,
)
from crofter.core import (
    ChatPrompt,
    Chunk,
    CrofterError,
    EmbeddingRequest,
    EmbeddingResult,
    ErrorCode,
    GenerationRequest,
    Model,
    ModelFile,
    ModelId,
    Prompt,
    RerankRequest,
    RerankResult,
    TextPrompt,
    Timings,
    TokenPrompt,
    Usage,
    Way,
)
from crofter.node.keys import Account
from crofter.store import KeyRecord
from tests.fakes_of_network import FakeInvites, FakeMembership, FakeNetwork, FakePeople, FakePools

MODEL = ModelFile(
    model_id=ModelId("ab" * 32),
    name="seedling",
    path=Path("/nowhere/seedling.gguf"),
    size_bytes=1_000,
    architecture="llama",
    layer_count=2,
    context_length=512,
    kv_bytes_per_token=64,
)
TIMINGS = Timings(queue_seconds=0.001, prefill_seconds=0.002, first_token_seconds=0.004, decode_seconds=0.5)


class Clock:
    """Unix seconds that stand still until a test moves them; from 2026-01-01T00:00:00Z unless told otherwise."""

    def __init__(self, now: float = 1_767_225_600.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


Step = Chunk | CrofterError | Literal["wait"]
"""A chunk to yield, an error to raise, or a wait without end."""


def answer(*texts: str, choice: int = 0, last: bool = True) -> list[Step]:
    """The chunks of one plain choice; the last one of the request carries usage."""
    usage = Usage(prompt_tokens=5, completion_tokens=len(texts), cached_tokens=2, reasoning_tokens=1)
    end = Chunk(choice=choice, finish_reason="stop", usage=usage, timings=TIMINGS) if last else None
    steps: list[Step] = [Chunk(choice=choice, text=text, token_ids=(index,)) for index, text in enumerate(texts)]
    return [*steps, end or Chunk(choice=choice, finish_reason="stop")]


class FakeBackend:
    """Plays a script for each request, in order; the last script repeats. Remembers what it was asked and whether it was closed."""

    def __init__(self, *scripts: Sequence[Step]) -> None:
        self._scripts = list(scripts) or [answer("Hello", " world")]
        self.requests: list[GenerationRequest] = []
        self.embedded: list[EmbeddingRequest] = []
        self.ranked: list[RerankRequest] = []
        self.closed = anyio.Event()
        self.waiting = anyio.Event()
        self.name = "fake"

    def ways(self, model: Model) -> Sequence[Way]:
        return (Way(backend=self.name),)

    async def generate(self, model: Model, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        self.requests.append(request)
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        try:
            for step in script:
                if step == "wait":
                    self.waiting.set()
                    await anyio.sleep_forever()
                elif isinstance(step, CrofterError):
                    raise step
                else:
                    yield step
        finally:
            self.closed.set()

    async def embed(self, model: Model, request: EmbeddingRequest) -> EmbeddingResult:
        self.embedded.append(request)
        vector = struct.pack("<4f", 0.5, 0.5, 0.5, 0.5)
        return EmbeddingResult(vectors=(vector,) * len(request.inputs), prompt_tokens=3 * len(request.inputs))

    async def rerank(self, model: Model, request: RerankRequest) -> RerankResult:
        """The longer a document, the better; the first one was too long."""
        self.ranked.append(request)
        scores = tuple(len(document) / 100 for document in request.documents)
        return RerankResult(scores=scores, prompt_tokens=5 * len(scores), cut=(0,))

    async def tokenize(self, model: Model, prompt: Prompt) -> Sequence[int]:
        match prompt:
            case TextPrompt(text=text):
                return list(text.encode())
            case TokenPrompt(tokens=tokens):
                return tokens
            case ChatPrompt(messages=messages):
                return list("".join(message.content or "" for message in messages).encode())
            case _:
                raise CrofterError(ErrorCode.UNSUPPORTED, "the fake reads text and tokens only")

    async def pieces(self, model: Model, prompt: Prompt) -> Sequence[tuple[int, bytes]]:
        """Each token is a byte; 256 is a mark."""
        return [(token, b"<end>" if token == 256 else bytes([token])) for token in await self.tokenize(model, prompt)]


class FakeResolver:
    """Knows one model."""

    def __init__(self, model: ModelFile = MODEL) -> None:
        self._model = model

    def resolve(self, name: str) -> ModelFile:
        if name in {"", self._model.name, self._model.model_id}:
            return self._model
        raise CrofterError(ErrorCode.MODEL_NOT_FOUND, f"there is no model {name!r}", parameter="model")


def account(name: str, policy: KeyPolicy | None = None, clock: Callable[[], float] = lambda: 0.0) -> Account:
    """A key as the node has it, its time standing still unless told otherwise."""
    kept = msgspec.json.encode(policy or KeyPolicy()).decode()
    return Account(KeyRecord(name=name, prefix=name[:3], digest=name.encode(), created_at=1.0, policy=kept), (), clock)


class FakeProviders:
    """One provider, which remembers nothing."""

    known_one = ProviderSummary(
        name="near",
        kind="custom",
        base_url="http://127.0.0.1:9/v1",
        radius="local",
        enabled=True,
        has_key=True,
        models=("m",),
        listed_at=None,
        aliases={},
    )

    def known(self) -> list[KnownProvider]:
        return [KnownProvider(name="near", title="Near", base_url="", keys_at="")]

    def all(self) -> list[ProviderSummary]:
        return [self.known_one]

    def get(self, name: str) -> ProviderSummary:
        if name != self.known_one.name:
            raise CrofterError(ErrorCode.NOT_FOUND, f"there is no provider {name!r}", parameter="name")
        return self.known_one

    async def add(self, new: NewProvider) -> ProviderSummary:
        return msgspec.structs.replace(self.known_one, name=new.name, has_key=bool(new.key))

    async def change(self, name: str, change: ProviderChange) -> ProviderSummary:
        return msgspec.structs.replace(self.get(name), enabled=change.enabled is not False)

    async def remove(self, name: str) -> ProviderSummary:
        return self.get(name)

    async def list_models(self, name: str) -> ProviderSummary:
        return self.get(name)

    async def try_out(self, name: str, model: str) -> ProviderTrial:
        return ProviderTrial(
            model=f"{self.get(name).name}/{model}", text="Hi", first_token_seconds=0.1, total_seconds=0.2
        )


class FakeAdministration:
    """A node with one model, one administrator token and the keys a test adds."""

    def __init__(self, *, keys: Sequence[str] = (), token: str = "admin-token") -> None:
        self.accounts = {secret: account(secret) for secret in keys}
        self.token = token
        self.pull_steps: list[PullProgress | CrofterError] = []
        self.stopped = False
        self.providers = FakeProviders()
        self.network = FakeNetwork()
        self.people = FakePeople()
        self.pools = FakePools()
        self.invites = FakeInvites()
        self.membership = FakeMembership()
        self.kept: list[tuple[str, float | None]] = []
        self.installed = [
            ModelSummary(
                name=MODEL.name,
                model_id=MODEL.model_id,
                size_bytes=MODEL.size_bytes,
                architecture="llama",
                parameter_count=1,
                quantization="Q8_0",
                context_length=512,
                capabilities=("chat", "completion"),
                embedded=True,
                added_at=1_700_000_000.5,
                default=True,
            )
        ]

    def status(self) -> NodeStatus:
        return NodeStatus(
            version="0",
            process_id=1,
            url="http://127.0.0.1:7411",
            home="/nowhere",
            uptime_seconds=1.0,
            default_model=MODEL.name,
            installed_models=1,
            loaded_models=0,
            active_requests=0,
            resident_bytes=0,
        )

    def identity(self) -> NodeIdentity:
        return NodeIdentity(id="croft1-fake", did="did:key:z6MkFake", fingerprint="fake-fake")

    def installed_models(self) -> list[ModelSummary]:
        return self.installed

    def models(self) -> list[ModelSummary]:
        return self.installed

    async def model_details(self, name: str) -> ModelDetails:
        FakeResolver().resolve(name)
        return ModelDetails(
            summary=self.installed[0],
            path=str(MODEL.path),
            license="Apache-2.0",
            layer_count=2,
            embedding_length=8,
            head_count=1,
            key_value_head_count=1,
            vocabulary_size=32,
            kv_bytes_per_token=64,
            chat_template="",
            tensor_types={"Q8_0": 3},
        )

    def catalogue(self) -> list[CatalogueItem]:
        return []

    def verify(self, name: str) -> AsyncGenerator[PullProgress]:
        return self._pulled()

    def pull(self, request: PullRequest) -> AsyncGenerator[PullProgress]:
        return self._pulled()

    async def found_models(self, search: ModelSearch) -> FoundModels:
        return FoundModels(models=(), remarks=search.sources)

    async def import_model(self, request: ImportRequest) -> AsyncGenerator[PullProgress]:
        yield PullProgress(status="reading", total_bytes=len(request.parts))

    async def change_model(self, name: str, change: ModelChange) -> ModelDetails:
        return await self.model_details(name)

    def alias_model(self, name: str, alias: str) -> ModelSummary:
        FakeResolver().resolve(name)
        return msgspec.structs.replace(self.installed[0], name=alias)

    async def quantize(self, request: QuantizeRequest) -> AsyncGenerator[PullProgress]:
        FakeResolver().resolve(request.model)
        yield PullProgress(status="done", model=self.installed[0])

    async def remove_model(self, name: str) -> ModelSummary:
        FakeResolver().resolve(name)
        return self.installed.pop()

    def loaded_models(self) -> list[LoadedModel]:
        return []

    async def unload_model(self, name: str) -> None:
        FakeResolver().resolve(name)

    def keep_model(self, name: str, seconds: float | None) -> None:
        self.kept.append((name, seconds))

    async def tune(self, name: str, workload: Literal["chat", "reading"]) -> AsyncGenerator[TuneProgress]:
        yield TuneProgress(step=1, steps=1, description=workload, chosen={"threads": 2})

    async def doctor(self) -> list[Check]:
        return [Check(name="disk", verdict="ok", finding="enough")]

    def settings(self) -> list[Setting]:
        return [self.change_setting("api.port", "7411")]

    def change_setting(self, key: str, value: str) -> Setting:
        return Setting(key=key, value=value, default="7411", source="file", description="", restart_needed=True)

    def create_key(self, request: KeyRequest) -> CreatedKey:
        made = self.accounts["crofter-secret"] = account(request.name, request.policy)
        return CreatedKey(summary=made.summary(), secret="crofter-secret")

    def change_key(self, name: str, change: KeyChange) -> KeySummary:
        changed = self._named(name)
        changed.change(change.applied(changed.policy))
        return changed.summary()

    def keys(self) -> list[KeySummary]:
        return [one.summary() for one in self.accounts.values()]

    def key(self, name: str) -> KeySummary:
        return self._named(name).summary()

    def key_usage(self, name: str | None, days: int) -> list[DayUsage]:
        return [DayUsage(day="1970-01-01", name=name or "all", requests=days)]

    def revoke_key(self, name: str) -> KeySummary:
        return self._named(name).summary()

    async def _pulled(self) -> AsyncGenerator[PullProgress]:
        for step in self.pull_steps:
            if isinstance(step, CrofterError):
                raise step
            yield step

    def _named(self, name: str) -> Account:
        for one in self.accounts.values():
            if one.record.name == name:
                return one
        raise CrofterError(ErrorCode.NOT_FOUND, f"there is no key {name!r}")

    def keys_exist(self) -> bool:
        return bool(self.accounts)

    def account(self, secret: str) -> Account | None:
        return self.accounts.get(secret)

    def administrator_token_is_valid(self, token: str) -> bool:
        return token == self.token

    def shut_down(self) -> None:
        self.stopped = True
