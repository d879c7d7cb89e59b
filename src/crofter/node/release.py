"""Which Crofter this is, and which llama.cpp it computes with."""

from importlib.metadata import PackageNotFoundError, version


def crofter_version() -> str:
    """The installed package's version; `unreleased` when running from a source tree that was never installed."""
    try:
        return version("crofter")
    except PackageNotFoundError:
        return "unreleased"


def library_version() -> str:
    """The version of the llama.cpp binding."""
    return version("llama-cpp-python")
