"""llama.cpp's own way to split a model, its RPC backend, with the very library that the node computes with.

Only the backend is compiled, from the sources of the installed binding (seconds, once). A server is this file run with a port; the
client reads one JSON command a line, as `bare.py` does. Everything goes to the servers but the embedding table, as `-ngl 99` does it.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (the binding's ctypes functions are only partly typed)

import ctypes
import json
import os
import shutil
import socket
import sys
import tempfile
import time
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from llama_bench import run, source_folder
from shapes import cache_folder

_PACKAGE = "llama-cpp-python"
_PROCESSOR = 0
"""ggml's type of device that computes on the processor."""
_ROWS = 512


def build() -> Path:
    """The backend as a library, compiled first if need be. Raises RuntimeError with the reason when that is impossible."""
    installed = distribution(_PACKAGE)
    target = cache_folder() / f"llama-rpc-{installed.version}" / "libggml-rpc.so"
    if target.exists():
        return target
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        raise RuntimeError("llama.cpp's RPC needs a C++ compiler")
    target.parent.mkdir(parents=True, exist_ok=True)
    library = _library_folder()
    with tempfile.TemporaryDirectory() as scratch:
        ggml = source_folder(Path(scratch)) / "ggml"
        draft = Path(scratch, target.name)
        sources = [str(ggml / "src/ggml-rpc" / name) for name in ("ggml-rpc.cpp", "transport.cpp")]
        exported = ["-DGGML_BACKEND_SHARED", "-DGGML_BACKEND_BUILD", "-DGGML_SHARED"]
        includes = [f"-I{ggml / 'include'}", f"-I{ggml / 'src'}"]
        linked = [f"-L{library}", f"-Wl,-rpath,{library}", "-lggml-base", "-pthread"]
        options = ["-std=c++17", "-O2", "-w", "-fPIC", "-shared"]
        run([compiler, *options, *exported, *includes, *sources, *linked, "-o", str(draft)])
        shutil.copy(draft, target.with_suffix(".new"))
        target.with_suffix(".new").replace(target)
    return target


def _library_folder() -> Path:
    return Path(str(distribution(_PACKAGE).locate_file("llama_cpp"))) / "lib"


def _libraries() -> tuple[Any, Any]:
    """ggml and its RPC backend, with the types of what is called."""
    ggml = ctypes.CDLL(str(_library_folder() / "libggml.so"), ctypes.RTLD_GLOBAL)
    rpc = ctypes.CDLL(str(build()))
    for function in (ggml.ggml_backend_dev_by_type, ggml.ggml_backend_reg_dev_get, rpc.ggml_backend_rpc_add_server):
        function.restype = ctypes.c_void_p
    ggml.ggml_backend_register.argtypes = [ctypes.c_void_p]
    ggml.ggml_backend_reg_dev_get.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    rpc.ggml_backend_rpc_add_server.argtypes = [ctypes.c_char_p]
    rpc.ggml_backend_rpc_start_server.argtypes = [
        ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p,
    ]  # fmt: skip
    return ggml, rpc


def _serve(endpoint: str, threads: int) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # it tells of each connection
    ggml, rpc = _libraries()
    device = (ctypes.c_void_p * 1)(ggml.ggml_backend_dev_by_type(_PROCESSOR))
    rpc.ggml_backend_rpc_start_server(endpoint.encode(), None, threads, 1, device)


class _Client:
    def __init__(self, model: str, threads: int, endpoints: list[str]) -> None:
        from llama_cpp import llama_cpp as llama

        self._llama = llama
        self._silence = llama.llama_log_callback(lambda *_: None)
        llama.llama_log_set(self._silence, ctypes.c_void_p())
        llama.llama_backend_init()
        ggml, rpc = _libraries()
        for endpoint in endpoints:
            _reachable(endpoint)
        servers = [rpc.ggml_backend_rpc_add_server(endpoint.encode()) for endpoint in endpoints]
        if not all(servers):
            raise RuntimeError("a server does not answer")
        for server in servers:
            ggml.ggml_backend_register(server)
        devices = (ctypes.c_void_p * (len(servers) + 1))(*(ggml.ggml_backend_reg_dev_get(each, 0) for each in servers))
        parameters: Any = llama.llama_model_default_params()
        parameters.devices = ctypes.cast(devices, ctypes.c_void_p)
        parameters.n_gpu_layers = 99
        shares = (ctypes.c_float * llama.LLAMA_MAX_DEVICES)(*[1.0] * len(servers))
        parameters.tensor_split = ctypes.cast(shares, ctypes.POINTER(ctypes.c_float))
        self._model: Any = llama.llama_model_load_from_file(model.encode(), parameters)
        if not self._model:
            raise RuntimeError("the model does not load over RPC")
        context = llama.llama_context_default_params()
        context.n_ctx, context.n_batch, context.n_ubatch = 4096, _ROWS, _ROWS
        context.n_threads = context.n_threads_batch = threads
        context.no_perf = True
        self._context: Any = llama.llama_init_from_model(self._model, context)
        self._sampler: Any = llama.llama_sampler_init_greedy()

    def write(self, prompt_tokens: int, answer_tokens: int) -> dict[str, float]:
        llama, context = self._llama, self._context
        llama.llama_memory_clear(llama.llama_get_memory(context), False)
        began = time.perf_counter()
        for start in range(0, prompt_tokens, _ROWS):
            count = min(_ROWS, prompt_tokens - start)
            rows = (llama.llama_token * count)(*range(300 + start, 300 + start + count))
            self._decode(llama.llama_batch_get_one(rows, count))
        token = (llama.llama_token * 1)(llama.llama_sampler_sample(self._sampler, context, -1))
        first = time.perf_counter()
        for _ in range(answer_tokens - 1):
            self._decode(llama.llama_batch_get_one(token, 1))
            token[0] = llama.llama_sampler_sample(self._sampler, context, -1)
        return {
            "first": first - began,
            "token_ms": 1e3 * (time.perf_counter() - first) / max(1, answer_tokens - 1),
        }

    def _decode(self, batch: Any) -> None:  # noqa: ANN401 - the binding's struct
        if self._llama.llama_decode(self._context, batch) != 0:
            raise RuntimeError("llama_decode failed")


def _ask(model: str, threads: int, endpoints: list[str]) -> None:
    output = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever the library prints must not end up between the answers
    client = _Client(model, threads, endpoints)
    output.write("{}\n")
    for line in sys.stdin:
        command = json.loads(line)
        output.write(json.dumps(client.write(command["prompt"], command["answer"])) + "\n")


def _reachable(endpoint: str) -> None:
    """Return when somebody listens there: the library ends the process if nobody does."""
    host, port = endpoint.rsplit(":", 1)
    for _ in range(200):
        try:
            socket.create_connection((host, int(port)), 5.0).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"no server at {endpoint}")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        _serve(sys.argv[2], int(sys.argv[3]))
    else:
        _ask(sys.argv[2], int(sys.argv[3]), sys.argv[4:])
