"""The tests inside the source packages of OpenAI's and Anthropic's own clients, pointed at a real node.

Each sends every documented parameter and checks the shape of the reply. What cannot pass is in excluded.toml, with the reason: a test that
fails and is not there fails here, and so does one that is there and passes.
"""

import os
import re
import subprocess
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.environment import Environment
from tests.e2e.commands import Commands

EXCLUDED = tomllib.loads((Path(__file__).parent / "excluded.toml").read_text(encoding="utf-8"))
SUITE_SECONDS = 500


@pytest.mark.parametrize("package", list(EXCLUDED))
def test_suite_passes_but_for_what_is_excluded(
    package: str, environment: Environment, node: Commands, tmp_path: Path
) -> None:
    suite = EXCLUDED[package]
    outcomes = run_suite(
        environment, suite, environment.source(package), node.running()["url"], tmp_path / "report.xml"
    )
    failed = {name for name, passed in outcomes.items() if not passed}
    expected = {entry["tests"]: matching(entry["tests"], outcomes) for entry in suite["excluded"]}
    excluded = {name for names in expected.values() for name in names}

    refused = {
        "fails, and is not excluded": failed - excluded,
        "passes: excluded.toml can do without it": excluded - failed,
        "matches nothing": {pattern for pattern, names in expected.items() if not names},
    }
    assert not any(refused.values()), "\n".join(
        f"{name} {why}" for why, names in refused.items() for name in sorted(names)
    )
    assert len(outcomes) - len(failed) >= suite["at_least"]
    assert [model for model in node.json("ps") if model["active_requests"] or model["queued_requests"]] == []


def run_suite(environment: Environment, suite: dict[str, Any], source: Path, url: str, report: Path) -> dict[str, bool]:
    """Whether each test passed. The suite's own pytest options, which want plug-ins for many processors, are put aside."""
    command = [environment.python, "-m", "pytest", "-o", "addopts=", "-q", *suite["options"], "--junitxml", report]
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))}
    done = subprocess.run(
        [*map(str, command), *suite["files"]],
        cwd=source,
        env={**variables, "TEST_API_BASE_URL": url + suite["base_path"]},
        timeout=SUITE_SECONDS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 1}, f"{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
    cases = [case for case in ET.parse(report).iter("testcase") if case.find("skipped") is None]
    return {_name(case): case.find("failure") is None and case.find("error") is None for case in cases}


def _name(case: ET.Element) -> str:
    place = case.attrib["classname"].removeprefix("tests.api_resources.").replace(".", "/")
    return f"{place}/{case.attrib['name']}"


def matching(pattern: str, names: dict[str, bool]) -> set[str]:
    """The names that a pattern with * means."""
    expression = re.compile(re.escape(pattern).replace(r"\*", ".*"))
    return {name for name in names if expression.fullmatch(name)}
