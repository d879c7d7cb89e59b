"""Every address this node answers."""

from functools import partial

from starlette.routing import Route
from starlette.routing import Router as PathRouter

from crofter.core import CrofterError, ErrorCode

from .admin import AdminRoutes, InviteRoutes, NetworkRoutes, PeopleRoutes, PoolRoutes, ProviderRoutes, RouteRoutes
from .anthropic import AnthropicModels, Messages
from .asgi import App, Receive, Scope, Send
from .call import Call, Handler
from .dialects import ANTHROPIC, dialect_of
from .health import HealthRoutes
from .llama import Infill, TokenRoutes
from .mcp import mcp_endpoint
from .ollama import Embedding, Generation, OllamaModels, Pull
from .openai import ChatCompletions, Completions, Embeddings, ModelList, Responses
from .openapi import Description
from .replies import JsonReply
from .rerank import Rerank
from .services import Services
from .settings import ApiSettings


class Endpoint:
    """One address: calls the handler of the method and sends what it returns."""

    def __init__(self, settings: ApiSettings, **handlers: Handler) -> None:
        self._settings = settings
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = "GET" if scope["method"] == "HEAD" else str(scope["method"])
        handler = self._handlers.get(method)
        if handler is None:
            reply = self._wrong_method(scope)
        else:
            reply = await handler(Call(scope, receive, self._settings))
        await reply(scope, receive, send)

    def _wrong_method(self, scope: Scope) -> App:
        known = ", ".join(self._handlers)
        error = CrofterError(ErrorCode.UNSUPPORTED, f"this address answers {known}")
        return JsonReply(dialect_of(scope).error(error), status=405, headers=[(b"allow", known.encode())])


class EitherDialect:
    """Two dialects at one address."""

    def __init__(self, openai: App, anthropic: App) -> None:
        self._openai, self._anthropic = openai, anthropic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._anthropic if dialect_of(scope) is ANTHROPIC else self._openai)(scope, receive, send)


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


def _inference(services: Services) -> dict[str, App]:
    """What answers with and without /v1, as clients disagree about what a base address is."""
    endpoint = partial(Endpoint, services.settings)
    models, messages, responses = ModelList(services), Messages(services), Responses(services)
    anthropic_models = AnthropicModels(services)
    rerank, tokens = endpoint(POST=Rerank(services).create), TokenRoutes(services)
    return {
        "/chat/completions": endpoint(POST=ChatCompletions(services).create),
        "/completions": endpoint(POST=Completions(services).create),
        "/infill": endpoint(POST=Infill(services).create),
        "/tokenize": endpoint(POST=tokens.tokenize),
        "/detokenize": endpoint(POST=tokens.detokenize),
        "/embeddings": endpoint(POST=Embeddings(services).create),
        "/rerank": rerank,
        "/reranking": rerank,
        "/responses": endpoint(POST=responses.create),
        "/responses/input_tokens": endpoint(POST=responses.input_tokens),
        "/responses/{name}": endpoint(GET=responses.retrieve, DELETE=responses.delete),
        "/responses/{name}/cancel": endpoint(POST=responses.cancel),
        "/responses/{name}/input_items": endpoint(GET=responses.input_items),
        "/messages": endpoint(POST=messages.create),
        "/messages/count_tokens": endpoint(POST=messages.count),
        "/models": EitherDialect(endpoint(GET=models.list), endpoint(GET=anthropic_models.list)),
        "/models/{name:path}": EitherDialect(endpoint(GET=models.retrieve), endpoint(GET=anthropic_models.retrieve)),
    }


def routes(services: Services) -> Table:
    """The table."""
    endpoint = partial(Endpoint, services.settings)
    admin = AdminRoutes(services)
    health = HealthRoutes(services)
    own = {
        "/": endpoint(GET=health.greeting),
        "/health": endpoint(GET=health.alive),
        "/health/ready": endpoint(GET=health.ready),
        "/metrics": endpoint(GET=health.metrics),
        "/openapi.json": endpoint(GET=Description(services).document),
        "/mcp": mcp_endpoint(services),
        "/v2/rerank": endpoint(POST=Rerank(services).create),  # Where clients of Cohere's second version look.
        "/crofter/v1/status": endpoint(GET=admin.status),
        "/crofter/v1/identity": endpoint(GET=admin.identity),
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
        "/crofter/v1/keys/{name}": endpoint(GET=admin.key, PATCH=admin.change_key, DELETE=admin.revoke_key),
        "/crofter/v1/keys/{name}/usage": endpoint(GET=admin.key_usage),
        "/crofter/v1/usage": endpoint(GET=admin.all_usage),
        **_providers(services),
        **_people(services),
        **_network(services),
        **_invites(services),
        **_routes(services),
        "/crofter/v1/shutdown": endpoint(POST=admin.shut_down),
    }
    both = {f"{prefix}{path}": answer for prefix in ("/v1", "") for path, answer in _inference(services).items()}
    ollama = {f"{prefix}{path}": answer for prefix in ("/ollama", "") for path, answer in _ollama(services).items()}
    return Table(ollama | own | both)  # At the root the greeting is our own.


def _providers(services: Services) -> dict[str, App]:
    """The owner's addresses for attached engines and services."""
    endpoint = partial(Endpoint, services.settings)
    providers = ProviderRoutes(services)
    return {
        "/crofter/v1/known-providers": endpoint(GET=providers.known),
        "/crofter/v1/providers": endpoint(GET=providers.all, POST=providers.add),
        "/crofter/v1/providers/{name}": endpoint(GET=providers.get, PATCH=providers.change, DELETE=providers.remove),
        "/crofter/v1/providers/{name}/models": endpoint(POST=providers.list_models),
        "/crofter/v1/providers/{name}/test": endpoint(POST=providers.try_out),
    }


def _people(services: Services) -> dict[str, App]:
    """The owner's addresses for other nodes and pools."""
    endpoint = partial(Endpoint, services.settings)
    people, pools = PeopleRoutes(services), PoolRoutes(services)
    return {
        "/crofter/v1/people": endpoint(GET=people.all, POST=people.add),
        "/crofter/v1/people/{name}": endpoint(GET=people.get, PATCH=people.rename, DELETE=people.forget),
        "/crofter/v1/people/{name}/accept": endpoint(POST=people.accept),
        "/crofter/v1/people/{name}/refuse": endpoint(POST=people.refuse),
        "/crofter/v1/people/{name}/block": endpoint(POST=people.block),
        "/crofter/v1/pairing-code": endpoint(GET=people.code, POST=people.show_code, DELETE=people.withdraw_code),
        "/crofter/v1/pairing-code/typed": endpoint(POST=people.use_code),
        "/crofter/v1/pools": endpoint(GET=pools.all, POST=pools.create),
        "/crofter/v1/pools/{name}": endpoint(GET=pools.get, DELETE=pools.leave),
        "/crofter/v1/pools/{name}/accept": endpoint(POST=pools.accept),
        "/crofter/v1/pools/{name}/invite": endpoint(POST=pools.invite),
        "/crofter/v1/pools/{name}/remove": endpoint(POST=pools.remove),
    }


def _network(services: Services) -> dict[str, App]:
    """The owner's addresses for other nodes."""
    endpoint = partial(Endpoint, services.settings)
    network = NetworkRoutes(services)
    return {
        "/crofter/v1/network": endpoint(GET=network.status),
        "/crofter/v1/network/map": endpoint(GET=network.map),
        "/crofter/v1/peers": endpoint(GET=network.peers),
        "/crofter/v1/nearby": endpoint(GET=network.nearby),
        "/crofter/v1/peers/{name}/ping": endpoint(POST=network.ping),
        "/crofter/v1/peers/{name}/messages": endpoint(POST=network.send),
        "/crofter/v1/messages": endpoint(GET=network.messages),
    }


def _invites(services: Services) -> dict[str, App]:
    """The owner's addresses for invites, and for the network they lead into."""
    endpoint = partial(Endpoint, services.settings)
    invites = InviteRoutes(services)
    return {
        "/crofter/v1/invites": endpoint(GET=invites.all, POST=invites.issue),
        "/crofter/v1/invites/{name}": endpoint(DELETE=invites.revoke),
        "/crofter/v1/join": endpoint(POST=invites.join),
        "/crofter/v1/private-network": endpoint(POST=invites.make_network, DELETE=invites.leave_network),
    }


def _routes(services: Services) -> dict[str, App]:
    """The owner's addresses for routes over several nodes, and for what this one shares."""
    endpoint = partial(Endpoint, services.settings)
    routes = RouteRoutes(services)
    return {
        "/crofter/v1/routes": endpoint(GET=routes.all),
        "/crofter/v1/routes/{name}": endpoint(GET=routes.get, DELETE=routes.release),
        "/crofter/v1/routes/{name}/plan": endpoint(GET=routes.plan),
        "/crofter/v1/sharing": endpoint(GET=routes.sharing),
    }


def _ollama(services: Services) -> dict[str, App]:
    """Ollama's addresses, at the root and under /ollama, as its clients append to either."""
    endpoint = partial(Endpoint, services.settings)
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
