"""What may be asked of a node, said once for both kinds of connection."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

import msgspec

from .async_connection import AsyncConnection
from .connection import Connection
from .request import Request

P = ParamSpec("P")
T = TypeVar("T")


class Question(msgspec.Struct, Generic[T], frozen=True):
    """A request, and what its reply, or each step of it, is decoded as."""

    request: Request
    kind: type[T]


class _Asks(Protocol):
    connection: Connection


class _AsksAsync(Protocol):
    connection: AsyncConnection


class Operation(Generic[P, T]):
    """Decorates a method that says what to ask. Called, it gives the reply, or over an async connection what to await for it."""

    def __init__(self, said: Callable[Concatenate[Any, P], Question[T]]) -> None:
        self._said = said
        self.__doc__ = said.__doc__

    @overload
    def __get__(self, asker: _Asks, kind: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, asker: _AsksAsync, kind: type) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, asker: _Asks | _AsksAsync, kind: type) -> Callable[P, T | Awaitable[T]]:
        def ask(*args: P.args, **kwargs: P.kwargs) -> T | Awaitable[T]:
            question = self._said(asker, *args, **kwargs)
            return asker.connection.ask(question.request, question.kind)

        return ask


class Progress(Generic[P, T]):
    """The same for work that takes a while: its steps as they come. The last one carries the result, leaving early stops the work."""

    def __init__(self, said: Callable[Concatenate[Any, P], Question[T]]) -> None:
        self._said = said
        self.__doc__ = said.__doc__

    @overload
    def __get__(self, asker: _Asks, kind: type) -> Callable[P, Generator[T]]: ...
    @overload
    def __get__(self, asker: _AsksAsync, kind: type) -> Callable[P, AsyncGenerator[T]]: ...
    def __get__(self, asker: _Asks | _AsksAsync, kind: type) -> Callable[P, Generator[T] | AsyncGenerator[T]]:
        def follow(*args: P.args, **kwargs: P.kwargs) -> Generator[T] | AsyncGenerator[T]:
            question = self._said(asker, *args, **kwargs)
            return asker.connection.progress(question.request, question.kind)

        return follow
