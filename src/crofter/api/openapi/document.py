"""The document: schemas come from the types that the routes decode and encode, so they cannot say something else."""

import re
from collections.abc import Iterator
from typing import Any, cast

import msgspec

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.errors import ErrorBody
from crofter.api.replies import JsonReply
from crofter.api.services import Services

from .inference import INFERENCE
from .operation import SSE, TEXT, Address, Dialect, Operation, Shape
from .owner import OWN

ADDRESSES: tuple[Address, ...] = OWN + INFERENCE
Schemas = dict[Shape, dict[str, Any]]
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_NOT_FOUND = "There is none of that name"
_STATUS_OF_ALL = {401: "A key is needed", 403: "Not allowed", 500: "A fault of the node", 503: "Not now; try again"}
_STATUS_OF_BODIES = {
    400: "The request is not right, or asks for what is not supported",
    404: _NOT_FOUND,
    413: "The body is too large",
    429: "Too many requests",
    499: "The client went away",
    504: "Not within the time limit",
}
_OTHER_STATUS = {
    202: "Accepted; there is nothing to say",
    404: _NOT_FOUND,
    405: "Not by this method",
    406: "The client accepts none of what could be sent",
    409: "Something is in the way",
    415: "Not a type that is read",
    502: "Another machine cannot be reached, or does not do what is asked",
    507: "The disk is full",
}
_RADIUS = {
    "name": "x-crofter-radius",
    "in": "header",
    "description": "How far the prompt may travel; never further than the key allows.",
    "schema": {"type": "string", "enum": ["local", "trusted", "public"], "default": "local"},
}
_READERS = {
    "name": "x-crofter-readers",
    "in": "header",
    "description": "Who may read the prompt on its way; whoever it may travel to, if nothing is said.",
    "schema": {"type": "string", "enum": ["local", "trusted", "public"]},
}


class Description:
    """The route."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._bytes: bytes | None = None

    async def document(self, _: Call) -> App:
        """The document; made when it is first asked for."""
        if self._bytes is None:
            self._bytes = msgspec.json.encode(described(self._services.administration.status().version))
        return JsonReply(self._bytes)


def described(version: str) -> dict[str, Any]:
    """OpenAPI 3.2 (the first that has words for streams) of everything in `ADDRESSES`."""
    shapes = list(dict.fromkeys(_shapes()))
    schemas, components = msgspec.json.schema_components(shapes, ref_template="#/components/schemas/{name}")
    known = dict(zip(shapes, schemas, strict=True))
    paths: dict[str, Any] = {}
    for address in ADDRESSES:
        paths[_PARAMETER.sub(r"{\1}", address.path)] = _path(address, known)
    return {
        "openapi": "3.2.0",
        "info": {
            "title": "Crofter",
            "version": version,
            "description": "One node, several dialects. Paths in x-also-at are further names of the same.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, if the node has any."},
                "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "administrator": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token in run/node.json of the node's folder.",
                },
            },
        },
    }


def _shapes() -> Iterator[Shape]:
    for address in ADDRESSES:
        yield from _alternatives(address.dialect.error)
        for operation in address.operations.values():
            for shape in (operation.body, operation.reply, operation.piece):
                yield from _alternatives(shape)


def _alternatives(shape: Shape) -> tuple[Shape, ...]:
    if shape is None:
        return ()
    return cast("tuple[Shape, ...]", shape) if isinstance(shape, tuple) else (shape,)


def _schema(shape: Shape, known: Schemas) -> dict[str, Any]:
    schemas = [known[alternative] for alternative in _alternatives(shape)]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _path(address: Address, known: Schemas) -> dict[str, Any]:
    item: dict[str, Any] = {"x-also-at": list(address.also_at)} if address.also_at else {}
    for name in _PARAMETER.findall(address.path):
        parameter = {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        item.setdefault("parameters", []).append(parameter)
    for method, operation in address.operations.items():
        item[method.lower()] = _operation(address, operation, known)
    return item


def _operation(address: Address, operation: Operation, known: Schemas) -> dict[str, Any]:
    dialect = address.dialect
    said: dict[str, Any] = {
        "tags": [dialect.name],
        "summary": operation.summary,
        "security": [{"administrator": []}] if dialect.is_owner else [{}, {"bearer": []}, {"x-api-key": []}],
        "responses": _responses(address, operation, known),
    }
    if operation.body is not None:
        said["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _schema(operation.body, known)}},
        }
        if dialect.has_radius:
            said["parameters"] = [_RADIUS, _READERS]
    return said


def _responses(address: Address, operation: Operation, known: Schemas) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if operation.reply is not None:
        content["application/json"] = {"schema": _schema(operation.reply, known)}
    if operation.stream:
        content[operation.stream] = {"itemSchema": _item(operation, known)}
    if operation.text:
        content[TEXT] = {"schema": {"type": "string"}}
    refusals = dict(_STATUS_OF_ALL)
    if operation.body is not None:
        refusals |= _STATUS_OF_BODIES
    if _PARAMETER.search(address.path):
        refusals[404] = _NOT_FOUND
    refusals |= {status: _OTHER_STATUS.get(status) or _STATUS_OF_BODIES[status] for status in operation.refusals}
    done: dict[str, Any] = {"description": "Done", "content": content} if content else {"description": "Done"}
    responses = {str(operation.status): done}
    for status, text in sorted(refusals.items()):
        responses[str(status)] = {"description": text, **_error(address.dialect, status, known)}
    return responses


def _item(operation: Operation, known: Schemas) -> dict[str, Any]:
    piece = _schema(operation.piece, known)
    if operation.stream != SSE:
        return piece
    data: dict[str, Any] = {"type": "string", "contentMediaType": "application/json", "contentSchema": piece}
    if operation.last_data:
        data = {"anyOf": [{"const": operation.last_data}, data]}
    return {"type": "object", "required": ["data"], "properties": {"event": {"type": "string"}, "data": data}}


def _error(dialect: Dialect, status: int, known: Schemas) -> dict[str, Any]:
    """Who may ask is settled before the dialect is, so that those refusals may come in OpenAI's shape."""
    shape = dialect.error
    if shape is None:
        return {}
    if status in _STATUS_OF_ALL and shape is not ErrorBody:
        shape = (*_alternatives(shape), ErrorBody)
    return {"content": {"application/json": {"schema": _schema(shape, known)}}}
