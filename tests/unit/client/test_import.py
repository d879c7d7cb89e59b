import subprocess
import sys


def test_a_program_that_asks_a_node_loads_nothing_of_a_node() -> None:
    code = "import sys, crofter.client; print(*sorted(name.split('.')[0] for name in sys.modules))"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert "httpx2" in loaded
    assert not loaded & {"starlette", "uvicorn", "llama_cpp", "mcp", "apsw", "numpy", "click", "huggingface_hub"}
