import msgspec
import pytest

from crofter.api import PullOffer, PullProgress
from crofter.cli.commands.pull import described
from crofter.cli.pull_progress import PullBar

OFFER = PullOffer(
    repository="org/model-GGUF",
    revision="c0ffee" + "0" * 34,
    files=("m-Q4_K_M.gguf",),
    quantization="Q4_K_M",
    size_bytes=2_500_000_000,
    reason="Q4_K_M (2.5 GB): because.",
    license="apache-2.0",
    license_link="",
    page="https://hub.example/org/model-GGUF",
    pinned=False,
    consent="",
    needed_bytes=3_050_000_000,
)


def test_an_offer_says_what_why_and_under_which_terms() -> None:
    assert described(OFFER).splitlines() == [
        "org/model-GGUF: m-Q4_K_M.gguf, 2.5 GB",
        "  Q4_K_M (2.5 GB): because.",
        "  memory: about 3.0 GB with a short context",
        "  license: apache-2.0",
        "  revision c0ffee000000; the content's hash must be the one the hub states",
    ]


def test_terms_that_need_consent_come_with_their_address() -> None:
    offer = msgspec.structs.replace(
        OFFER, license="", pinned=True, consent="its licence is not stated", files=("a", "b", "c")
    )
    text = described(offer)
    assert "license: not stated" in text
    assert "a and 2 more parts" in text
    assert "known to Crofter's catalogue" in text
    assert text.endswith("its licence is not stated: https://hub.example/org/model-GGUF")


def test_without_a_terminal_progress_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    moments = iter([0.0, 1.0, 2.0, 12.0, 13.0])
    with PullBar(lambda: next(moments)) as bar:
        bar.say("offer")
        for done in (0, 10, 20, 120, 130):
            bar.update(PullProgress(status="downloading", done_bytes=done * 10**6, total_bytes=10**9))
    assert capsys.readouterr().err.splitlines() == ["offer", "downloading: 120.0 MB of 1.0 GB, 10.0 MB/s, 1m28s left"]
