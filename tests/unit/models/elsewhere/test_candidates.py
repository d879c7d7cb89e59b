import errno
from pathlib import Path

import pytest

from crofter.core import CrofterError
from crofter.models.elsewhere.candidates import Candidate, Findings, look
from tests.unit.models.elsewhere.stores import small


def test_a_remark_can_be_printed_is_short_and_said_once() -> None:
    findings = Findings()
    for _ in range(2):
        findings.remark("\x1b[2J" + "x" * 10_000)
    assert len(findings.remarks) == 1
    assert findings.remarks[0].isprintable()
    assert len(findings.remarks[0]) < 1_000


def test_a_file_of_another_user_is_named_with_what_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = small(tmp_path / "a.gguf")
    path.chmod(0o600)

    def denied(self: Path, mode: str = "r") -> object:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    monkeypatch.setattr(Path, "owner", lambda self: "ollama")
    monkeypatch.setattr(Path, "group", lambda self: "ollama")
    with pytest.raises(CrofterError, match=f"{path} belongs to the user ollama.*chmod"):
        look(Candidate(name="a", program="file", parts=(path,)))
