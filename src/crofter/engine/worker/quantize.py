"""Quantises one file with llama.cpp and tells how it goes: `python -m crofter.engine.worker.quantize JOB`, lines of JSON out."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false
# (the binding's ctypes functions are only partly typed, and it does not take what `byref` gives)

import ctypes
import os
import re
import sys
import threading
from typing import BinaryIO

import msgspec
import psutil
from llama_cpp import llama_cpp as llama

from crofter.core import CrofterError, ErrorCode
from crofter.engine.quantization import Finished, FromQuantizer, QuantizeJob, Refused, Working

from .library import start_library
from .native_log import ERROR, log_heard

_TELL_SECONDS = 0.2
_NICENESS = 10
_MEBIBYTE = 1 << 20
_FULL_BYTES = 16 * _MEBIBYTE
"""Less than this free after a failure: that was why."""

# What llama-quant.cpp logs: for each tensor, and at the end for all.
_TENSOR_SIZE = re.compile(r"\s*size\s*=\s*([\d.]+) MiB")
_TOTAL_SIZE = re.compile(r".*\bmodel size\s*=\s*([\d.]+) MiB")
_QUANTIZED = re.compile(r"requantizing from type (\S+) is disabled")
_RESULT_SIZE = re.compile(r".*\bquant size\s*=\s*([\d.]+) MiB")


class _Log:
    """What only llama.cpp's log tells."""

    def __init__(self) -> None:
        self.done_bytes = self.total_bytes = self.result_bytes = 0
        self.last_error = ""

    def hear(self, level: int, words: str) -> None:
        """Take note of a piece of the log."""
        if level == ERROR:
            self.last_error = " ".join(words.split())
        elif found := _TENSOR_SIZE.match(words):
            self.done_bytes += int(float(found[1]) * _MEBIBYTE)
        elif found := _TOTAL_SIZE.match(words):
            self.total_bytes = int(float(found[1]) * _MEBIBYTE)
        elif found := _RESULT_SIZE.match(words):
            self.result_bytes = int(float(found[1]) * _MEBIBYTE)


def _run(job: QuantizeJob, log: _Log, *, dry: bool) -> None:
    parameters = llama.llama_model_quantize_default_params()
    parameters.ftype = job.number
    parameters.nthread = job.threads
    parameters.allow_requantize = job.requantize
    parameters.max_buf_size = job.buffer_bytes
    parameters.dry_run = dry
    if llama.llama_model_quantize(job.source.encode(), job.target.encode(), ctypes.byref(parameters)) == 0:
        return
    if quantized := _QUANTIZED.search(log.last_error):
        raise CrofterError(
            ErrorCode.INVALID_REQUEST,
            f"the model is quantised already ({quantized[1]}), and what it lost then, it would lose again and more: better take its"
            ' F16, BF16 or F32 version. If you have only this one, say `--requantize` (over HTTP: "requantize": true).',
            parameter="requantize",
        )
    if psutil.disk_usage(os.path.dirname(job.target)).free < _FULL_BYTES:
        raise CrofterError(ErrorCode.DISK_FULL, "the disk became full while quantising; free some space and try again")
    raise CrofterError(ErrorCode.WORKER_FAILED, f"llama.cpp could not quantise the model: {log.last_error}")


def _check_size(job: QuantizeJob, log: _Log) -> None:
    """Metadata, tokeniser included, is copied; llama.cpp's sizes are those of the tensors."""
    metadata_bytes = max(0, job.source_bytes - log.total_bytes)
    needed_bytes = log.result_bytes + metadata_bytes
    if needed_bytes > job.most_bytes:
        message = (
            f"the result takes {needed_bytes / 1e9:.1f} GB and the disk has room for {job.most_bytes / 1e9:.1f} GB:"
            " free some space (`crofter rm` removes models) and try again"
        )
        raise CrofterError(ErrorCode.DISK_FULL, message)
    if log.result_bytes > log.total_bytes:
        message = f"the result would take {needed_bytes / 1e9:.1f} GB, more than the model does now, and be no better"
        raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="quantization")


def _tell(output: BinaryIO, message: FromQuantizer) -> None:
    try:
        output.write(msgspec.json.encode(message) + b"\n")
    except OSError:
        os._exit(1)  # The node is gone: nobody wants the result. Its next start deletes what is there of it.


def _keep_telling(output: BinaryIO, log: _Log, over: threading.Event) -> None:
    while True:
        _tell(output, Working(min(log.done_bytes, log.total_bytes), log.total_bytes))
        if over.wait(_TELL_SECONDS):
            return


def _quantize(job: QuantizeJob, output: BinaryIO, log: _Log) -> None:
    start_library()
    _run(job, log, dry=True)
    _check_size(job, log)
    log.done_bytes = 0
    over = threading.Event()
    telling = threading.Thread(target=_keep_telling, args=(output, log, over))
    telling.start()
    try:
        _run(job, log, dry=False)
    finally:
        over.set()
        telling.join()


def main() -> None:
    """Do the job named by the first argument."""
    output = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # Whatever prints must not end up between the lines.
    psutil.Process().nice(_NICENESS if sys.platform != "win32" else psutil.BELOW_NORMAL_PRIORITY_CLASS)
    try:
        log = _Log()
        with log_heard(log.hear):
            _quantize(msgspec.json.decode(sys.argv[1], type=QuantizeJob), output, log)
        _tell(output, Finished())
    except CrofterError as error:
        _tell(output, Refused(error.report()))


main()
