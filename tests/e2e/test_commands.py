"""What a user does, on a real node with the embedded model."""

import json
import os
import signal
import stat
import threading
from pathlib import Path

from tests.e2e.commands import Commands
from tests.gguf_files import write_tiny_llama


def test_the_embedded_model_answers(crofter: Commands) -> None:
    answer = crofter.json("ask", "Hello", "--max-tokens", "8", "--temperature", "0")
    assert answer["text"]
    assert answer["model"] == "seedling"
    assert answer["usage"]["completion_tokens"] <= 8
    assert answer["timings"]["ttft_ms"] > 0
    assert answer["provenance"]["ran_on"] == ["this node"]


def test_the_same_seed_gives_the_same_answer(crofter: Commands) -> None:
    one, two = (crofter.run("ask", "A story", "--seed", "7", "--max-tokens", "20").stdout for _ in range(2))
    assert one == two


def test_the_question_may_come_from_a_pipe(crofter: Commands) -> None:
    assert crofter.run("ask", "--max-tokens", "4", "--seed", "1", text="Hello").stdout.strip()
    assert "ask what?" in crofter.run("ask", code=2).stderr


def test_an_unknown_model_is_refused_with_what_there_is(crofter: Commands) -> None:
    done = crofter.run("ask", "Hello", "--model", "seedlin", code=1)
    assert "seedling" in done.stderr
    assert done.stdout == ""


def test_a_chat_remembers_and_obeys_commands(crofter: Commands) -> None:
    done = crofter.run("chat", text="Hello\n/stats\n/undo\n/quit\nnever asked\n")
    assert done.stdout.strip()
    assert "tokens/s; ran on this node" in done.stderr
    assert "forgot the last question" in done.stderr


def test_a_model_has_two_names_and_its_owners_decisions(crofter: Commands, tmp_path: Path) -> None:
    crofter.run("pull", str(write_tiny_llama(tmp_path / "tiny.gguf", seed=5)), "--name", "one")
    crofter.run("alias", "one", "two")
    crofter.run("set", "two", "--capabilities", "embedding", "--context", "256", "--pin")
    assert "there for: embedding" in crofter.run("ask", "Hi", "--model", "one", code=1).stderr
    crofter.run("rm", "one")
    crofter.run("set", "two", "--capabilities", "from-file")
    assert crofter.json("ask", "Hi", "--model", "two", "--max-tokens", "3", "--seed", "1")["model"] == "two"
    loaded = {model["name"]: model["context_tokens"] for model in crofter.json("ps")}
    assert loaded["two"] == 256
    crofter.run("rm", "two")


def test_a_smaller_model_is_made_and_used(crofter: Commands, tmp_path: Path) -> None:
    crofter.run("pull", str(write_tiny_llama(tmp_path / "wide.gguf", hidden=256)), "--name", "wide")
    assert crofter.json("quantize", "wide", "Q4_K_M")["name"] == "wide-q4_k_m"
    assert crofter.json("ask", "Hi", "--model", "wide-q4_k_m", "--max-tokens", "3", "--seed", "1")["text"]
    assert "requantize" in crofter.run("quantize", "wide-q4_k_m", "Q3_K_S", code=1).stderr
    assert "Q4_K_M (4.9)" in crofter.run("quantize", "wide", "Q4", code=1).stderr
    for name in ("wide", "wide-q4_k_m"):
        crofter.run("rm", name)


def test_a_model_is_pulled_used_and_removed(crofter: Commands, tmp_path: Path) -> None:
    file = tmp_path / "tiny.gguf"
    write_tiny_llama(file)
    assert crofter.json("pull", str(file), "--name", "tiny")["name"] == "tiny"
    assert {"tiny", "seedling"} == {model["name"] for model in crofter.json("ls")}
    shown = crofter.json("show", "tiny")
    assert shown["layer_count"] == 2
    assert shown["summary"]["fit"] == "fits"
    assert 0 < shown["memory"]["weights_bytes"] < shown["memory"]["total_bytes"] < shown["memory"]["free_bytes"]
    assert (
        crofter.json("ask", "Hi", "--model", "tiny", "--max-tokens", "3", "--seed", "1")["usage"]["completion_tokens"]
        >= 1
    )
    assert "tiny" in {model["name"] for model in crofter.json("ps")}
    assert "tiny is whole" in crofter.run("verify", "tiny").stderr
    layer = Path(crofter.json("show", "tiny")["path"]).with_name("model-00003-of-00006.gguf")
    layer.write_bytes(layer.read_bytes()[:-1] + b"!")
    assert "damaged in blk.0" in crofter.run("verify", "tiny", code=1).stderr
    crofter.run("rm", "tiny")
    assert {"seedling"} == {model["name"] for model in crofter.json("ls")}
    assert "tiny" not in {model["name"] for model in crofter.json("ps")}


def test_garbage_is_not_installed(crofter: Commands, tmp_path: Path) -> None:
    (tmp_path / "garbage.gguf").write_bytes(b"GGUF" + bytes(range(256)) * 8)
    assert "error:" in crofter.run("pull", str(tmp_path / "garbage.gguf"), code=1).stderr
    assert {"seedling"} == {model["name"] for model in crofter.json("ls")}


def test_a_loaded_model_can_be_stopped(crofter: Commands) -> None:
    crofter.run("ask", "Hello", "--max-tokens", "2")
    assert crofter.json("ps")
    crofter.run("stop", "seedling")
    assert crofter.json("ps") == []


def test_a_killed_worker_is_replaced(crofter: Commands) -> None:
    crofter.run("ask", "Hello", "--max-tokens", "2")
    os.kill(crofter.json("ps")[0]["process_id"], signal.SIGKILL)
    assert crofter.run("ask", "Hello", "--max-tokens", "2").stdout.strip()


def test_settings_are_read_and_changed(crofter: Commands) -> None:
    assert crofter.run("config", "path").stdout.strip() == str(crofter.home / "config.toml")
    crofter.run("config", "set", "node.default_model", "seedling")
    assert crofter.json("config", "get", "node.default_model")["source"] == "file"
    assert "did you mean api.port" in crofter.run("config", "set", "api.prot", "1", code=1).stderr
    assert crofter.json("config", "get", "api.port")["source"] == "environment"


def test_the_owner_needs_no_key_when_one_exists(crofter: Commands) -> None:
    secret = crofter.json("key", "create", "laptop")["secret"]
    try:
        assert secret not in crofter.run("key", "ls").stdout
        assert crofter.run("ask", "Hello", "--max-tokens", "2").stdout.strip()
    finally:
        crofter.run("key", "revoke", "laptop")
    assert crofter.json("key", "ls") == []


def test_doctor_finds_nothing_broken(crofter: Commands) -> None:
    checks = crofter.json("doctor")
    assert {"llama.cpp", "store", "models", "address"} <= {check["name"] for check in checks}
    assert "problem" not in {check["verdict"] for check in checks}


def test_the_log_has_requests_but_no_words_of_theirs(crofter: Commands) -> None:
    crofter.run("ask", "xylophone-zeppelin", "--max-tokens", "2")
    log = (crofter.home / "logs" / "node.log").read_text()
    assert "/v1/chat/completions" in log
    assert all(isinstance(json.loads(line), dict) for line in log.splitlines())
    kept = [path for path in crofter.home.rglob("*") if path.is_file() and b"xylophone" in path.read_bytes()]
    assert kept == []
    assert crofter.running()["administrator_token"] not in log


def test_many_commands_at_once_are_all_answered(crofter: Commands) -> None:
    codes: list[int] = []

    def ask() -> None:
        codes.append(crofter.run("ask", "Hello", "--max-tokens", "4").returncode)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0, 0, 0]


def test_everything_in_the_home_is_private(crofter: Commands) -> None:
    crofter.run("ask", "Hello", "--max-tokens", "2")
    open_to_others = [
        path for path in (crofter.home, *crofter.home.rglob("*")) if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert open_to_others == []
