"""Every address this node answers."""

from functools import partial

from starlette.routing import Route
from starlette.routing import Router as PathRouter

from crofter.core import CrofterError, ErrorCode

from .admin import AdminRoutes
from .anthropic import AnthropicModels, Messages, anthropic_error
from .asgi import App, ErrorRenderer, Receive, Scope, Send, exchange_of, headers_named
from .call import Call, Handler
from .errors import error_body
from .health import HealthRoutes
from .mcp import McpEndpoint
from .ollama import Embedding, Generation, OllamaModels, Pull, ollama_error
from .openai import ChatCompletions, Completions, Embeddings, ModelList, Responses
from .openapi import Description
from .replies import JsonReply
from .services import Services
from .settings import ApiSettings


class Endpoint:
    """One address: calls the handler of the method and sends what it returns."""

    def __init__(self, settings: ApiSettings, renderer: ErrorRenderer | None = None, **handlers: Handler) -> None:
        """`renderer`: of errors, for addresses that do not speak OpenAI's dialect."""
        self._settings = settings
        self._renderer = renderer
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange_of(scope).error_renderer = self._renderer
        method = "GET" if scope["method"] == "HEAD" else str(scope["method"])
        handler = self._handlers.get(method)
        if handler is None:
            reply = self._wrong_method()
        else:
            reply = await handler(Call(scope, receive, self._settings))
        await reply(scope, receive, send)

    def _wrong_method(self) -> App:
        known = ", ".join(self._handlers)
        error = CrofterError(ErrorCode.UNSUPPORTED, f"this address answers {known}")
        return JsonReply((self._renderer or error_body)(error), status=405, headers=[(b"allow", known.encode())])


class EitherDialect:
    """Two dialects at one address: clients of Anthropic's say which version of it they speak."""

    def __init__(self, openai: App, anthropic: App) -> None:
        self._openai, self._anthropic = openai, anthropic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        speaks_anthropic = bool(headers_named(scope, b"anthropic-version"))
        await (self._anthropic if speaks_anthropic else self._openai)(scope, receive, send)


class Table:
    """Finds the answer for a path: most stand for themselves, and only the rest is compared one by one."""

    def __init__(self, answers: dict[str, App]) -> None:
        self.routes = [Route(path, answer) for path, answer in answers.items()]
        self._plain = {route.path: route for route in self.routes if "{" not in route.path}
        patterns = [route for route in self.routes if route.path not in self._plain]
        self._patterns = PathRouter(patterns, redirect_slashes=False, default=_unknown_address)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._plain.get(scope["path"])
        if route is None:
            await self._patterns(scope, receive, send)
            return
        scope["route"] = route
        await route.app(scope, receive, send)


def routes(services: Services) -> Table:
    """The table. The inference routes answer with and without /v1, as clients disagree about what a base address is."""
    endpoint = partial(Endpoint, services.settings)
    models, messages, responses = ModelList(services), Messages(services), Responses(services)
    anthropic = partial(Endpoint, services.settings, anthropic_error)
    anthropic_models = AnthropicModels(services)
    inference = {
        "/chat/completions": endpoint(POST=ChatCompletions(services).create),
        "/completions": endpoint(POST=Completions(services).create),
        "/embeddings": endpoint(POST=Embeddings(services).create),
        "/responses": endpoint(POST=responses.create),
        "/responses/input_tokens": endpoint(POST=responses.input_tokens),
        "/responses/{name}": endpoint(GET=responses.retrieve, DELETE=responses.delete),
        "/responses/{name}/cancel": endpoint(POST=responses.cancel),
        "/responses/{name}/input_items": endpoint(GET=responses.input_items),
        "/messages": anthropic(POST=messages.create),
        "/messages/count_tokens": anthropic(POST=messages.count),
        "/models": EitherDialect(endpoint(GET=models.list), anthropic(GET=anthropic_models.list)),
        "/models/{name:path}": EitherDialect(endpoint(GET=models.retrieve), anthropic(GET=anthropic_models.retrieve)),
    }
    admin = AdminRoutes(services)
    health = HealthRoutes(services)
    own = {
        "/": endpoint(GET=health.greeting),
        "/health": endpoint(GET=health.alive),
        "/health/ready": endpoint(GET=health.ready),
        "/metrics": endpoint(GET=health.metrics),
        "/openapi.json": endpoint(GET=Description(services).document),
        "/mcp": McpEndpoint(services),
        "/crofter/v1/status": endpoint(GET=admin.status),
        "/crofter/v1/models": endpoint(GET=admin.models),
        "/crofter/v1/models/{name:path}": endpoint(
            GET=admin.model, PATCH=admin.change_model, DELETE=admin.remove_model
        ),
        "/crofter/v1/aliases": endpoint(POST=admin.alias_model),
        "/crofter/v1/pull": endpoint(POST=admin.pull),
        "/crofter/v1/verify": endpoint(POST=admin.verify),
        "/crofter/v1/found": endpoint(POST=admin.found),
        "/crofter/v1/import": endpoint(POST=admin.import_model),
        "/crofter/v1/quantize": endpoint(POST=admin.quantize),
        "/crofter/v1/catalogue": endpoint(GET=admin.catalogue),
        "/crofter/v1/ps": endpoint(GET=admin.loaded),
        "/crofter/v1/unload": endpoint(POST=admin.unload),
        "/crofter/v1/tune": endpoint(POST=admin.tune),
        "/crofter/v1/doctor": endpoint(GET=admin.doctor),
        "/crofter/v1/settings": endpoint(GET=admin.settings),
        "/crofter/v1/settings/{name}": endpoint(PUT=admin.change_setting),
        "/crofter/v1/keys": endpoint(GET=admin.keys, POST=admin.create_key),
        "/crofter/v1/keys/{name:path}": endpoint(DELETE=admin.revoke_key),
        "/crofter/v1/shutdown": endpoint(POST=admin.shut_down),
    }
    both = {f"{prefix}{path}": answer for prefix in ("/v1", "") for path, answer in inference.items()}
    ollama = {f"{prefix}{path}": answer for prefix in ("/ollama", "") for path, answer in _ollama(services).items()}
    return Table(ollama | own | both)  # At the root the greeting is our own.


def _ollama(services: Services) -> dict[str, App]:
    """Ollama's addresses, at the root and under /ollama, as its clients append to either."""
    endpoint = partial(Endpoint, services.settings, ollama_error)
    generation, embedding = Generation(services), Embedding(services)
    models, pull = OllamaModels(services), Pull(services)
    return {
        "/": endpoint(GET=models.greeting),
        "/api/version": endpoint(GET=models.version),
        "/api/tags": endpoint(GET=models.tags),
        "/api/ps": endpoint(GET=models.running),
        "/api/show": endpoint(POST=models.show),
        "/api/chat": endpoint(POST=generation.chat),
        "/api/generate": endpoint(POST=generation.generate),
        "/api/embed": endpoint(POST=embedding.embed),
        "/api/embeddings": endpoint(POST=embedding.old),
        "/api/pull": endpoint(POST=pull.pull),
        "/api/delete": endpoint(DELETE=models.delete),
    }


async def _unknown_address(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise CrofterError(ErrorCode.NOT_FOUND, "there is nothing at this address")
