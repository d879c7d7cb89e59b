"""From a name, a path or nothing to the models that are meant."""

import os
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import msgspec

from crofter.core import CrofterError, ErrorCode
from crofter.models.names import local_path, model_name

from .candidates import Candidate, Findings, FoundModel, look
from .folders import file_candidate, folder_candidates
from .hub_cache import hub_cache_candidates
from .lmstudio import lmstudio_candidates
from .ollama import SYSTEM_STORES, is_store, ollama_candidates
from .safetensors import SUFFIX, refuse_safetensors


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where other programs of one user keep models."""

    home: Path
    hub_cache: Path
    ollama_models: Path | None = None
    """What OLLAMA_MODELS says; None: the usual places."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Models that can be imported, and what was left out and why."""

    models: tuple[FoundModel, ...]
    remarks: tuple[str, ...]


def find_models(sources: Sequence[str], places: Places, own_folder: Path, library_version: str) -> Found:
    """What the sources mean: absolute paths of files and folders, or names as other programs have them. None: everything they hold.

    Only headers are read. Files in `own_folder` are Crofter's already and never found. For a source that means nothing: MODEL_NOT_FOUND,
    naming what is near; CONFLICT for a name that several models have; UNSUPPORTED, with what to do, for safetensors; MODEL_INVALID.
    """
    findings = Findings()
    if not sources:
        _search(places, findings)
        return _looked_at(findings, own_folder)
    found: list[FoundModel] = []
    everywhere: Findings | None = None
    for source in sources:
        if os.path.isabs(source) or source.startswith("file:"):
            meant = _in_path(local_path(source), findings, library_version)
        else:
            if everywhere is None:
                everywhere = Findings()
                _search(places, everywhere)
            meant = [_named(source, everywhere)]
        found.extend(_existing(source, meant, findings, own_folder))
    return Found(models=tuple(found), remarks=tuple(findings.remarks))


def _search(places: Places, findings: Findings) -> None:
    home_stores = (places.home / ".ollama" / "models", *SYSTEM_STORES)
    for store in home_stores if places.ollama_models is None else (places.ollama_models,):
        ollama_candidates(store, findings)
    lmstudio_candidates(places.home, findings)
    hub_cache_candidates(places.hub_cache, findings)


def _in_path(path: Path, findings: Findings, library_version: str) -> list[Candidate]:
    if path.suffix.lower() == SUFFIX:
        refuse_safetensors(path.parent, library_version)
    if not os.path.isdir(path):
        return [file_candidate(path)]
    before = len(findings.candidates)
    if is_store(path):
        ollama_candidates(path, findings)
    else:
        folder_candidates(path, "file", findings)
    if len(findings.candidates) == before:
        refuse_safetensors(path, library_version)
    return findings.candidates[before:]


def _named(source: str, everywhere: Findings) -> Candidate:
    wanted = model_name(source)
    matching = {each.parts: each for each in everywhere.candidates if each.name == wanted}
    if len(matching) == 1:
        return next(iter(matching.values()))
    if matching:
        paths = ", ".join(str(parts[0]) for parts in matching)
        raise CrofterError(
            ErrorCode.CONFLICT,
            f"{len(matching)} models are called {wanted!r}: give the path of one: {paths}.",
            parameter="sources",
        )
    names = [each.name for each in everywhere.candidates]
    near = [name for name in names if wanted in name][:3] or get_close_matches(wanted, names, n=3, cutoff=0.5)
    advice = f" Did you mean {' or '.join(near)}?" if near else " `crofter import` lists what they have."
    reason = next((f" {remark}" for remark in everywhere.remarks if remark.startswith(f"{wanted} ")), "")
    message = f"No program here has a model called {source[:128]!r}, and there is no such file.{reason or advice}"
    raise CrofterError(ErrorCode.MODEL_NOT_FOUND, message, parameter="sources")


def _looked_at(findings: Findings, own_folder: Path) -> Found:
    models: list[FoundModel] = []
    known: dict[tuple[Path | None, ...], FoundModel] = {}
    for candidate in findings.candidates:
        files = (*candidate.parts, candidate.projector)
        if files in known:
            # Two tags of one model in Ollama are common, and a header takes a tenth of a second and more to read.
            models.append(msgspec.structs.replace(known[files], name=candidate.name))
            continue
        if candidate.parts[0].resolve().is_relative_to(own_folder.resolve()):
            continue
        try:
            models.append(look(candidate))
            known[files] = models[-1]
        except CrofterError as error:
            findings.remark(f"{candidate.name or candidate.parts[0]} was left out: {error.message}")
    return Found(models=tuple(models), remarks=tuple(findings.remarks))


def _existing(source: str, meant: Sequence[Candidate], findings: Findings, own_folder: Path) -> Sequence[FoundModel]:
    """What of one source is a model. A single file that is none raises; of a folder, only when nothing is left."""
    if len(meant) == 1:
        one = meant[0]
        if one.parts[0].resolve().is_relative_to(own_folder.resolve()):
            raise CrofterError(
                ErrorCode.INVALID_REQUEST, f"{one.parts[0]} is in Crofter's own storage already.", parameter="sources"
            )
        return [look(one)]
    here = Findings()
    here.candidates = list(meant)
    found = _looked_at(here, own_folder)
    if not found.models:
        reasons = " ".join((*found.remarks, *findings.remarks))
        raise CrofterError(
            ErrorCode.MODEL_NOT_FOUND,
            f"There is no model that can be imported in {source}. {reasons}".strip(),
            parameter="sources",
        )
    for remark in found.remarks:
        findings.remark(remark)
    return found.models
