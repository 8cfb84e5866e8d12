"""The lock file, the workflow, the hooks and the container name what there is."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement

from tests.rules.house import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKED = {
    requirement.name.lower().replace("_", "-"): requirement
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
    for requirement in [Requirement(line)]
}
UNLOCKED = {"peers"}  # tools to compare with, whose own pins exclude ours
WANTED = {name: lines for name, lines in PROJECT["optional-dependencies"].items() if name not in UNLOCKED}
WANTED["telltale"] = PROJECT["dependencies"]


def targets() -> set[str]:
    """Name the targets of the Makefile that say what they are for."""
    return set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("extra", WANTED)
def test_the_lock_file_has_every_requirement_at_a_version_that_fits(extra: str) -> None:
    """Catches a dependency that was added without `make lock`: it comes in another version each week."""
    for line in WANTED[extra]:
        wanted = Requirement(line)
        locked = LOCKED[wanted.name.lower().replace("_", "-")]
        (version,) = (str(one.version) for one in locked.specifier)
        assert wanted.specifier.contains(version), (line, str(locked))
        assert "+" not in version, "a build that only one machine has"


def test_the_workflow_the_hooks_and_the_container_call_what_there_is() -> None:
    """Catches a target of the Makefile that was renamed, or a Python that the project does not support."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "checks.yml").read_text(encoding="utf-8"))
    steps = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    container = (ROOT / "Containerfile").read_text(encoding="utf-8")
    called = set(re.findall(r"\bmake ([a-z-]+)", "\n".join(steps)))
    called |= set(re.findall(r'make[",  ]+([a-z-]+)"?', container.split("WORKDIR")[1]))
    assert {"test", "run", "environment"} <= called <= targets()
    matrix = workflow["jobs"]["tests"]["strategy"]["matrix"]
    assert len(matrix["python"]) == 3 and {system.split("-")[0] for system in matrix["system"]} == {"ubuntu", "macos"}
    assert all(PROJECT["requires-python"] <= f">={version}" for version in matrix["python"])
    assert "schedule" in workflow[True]  # `on`, as YAML 1.1 reads it


def test_the_hooks_are_what_lint_asks() -> None:
    """Catches a commit that passes its hooks and fails the checks."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    entries = [hook["entry"].removeprefix(".venv/bin/") for hook in hooks]
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert lint is not None
    for asked in re.findall(r"\$\(BIN\)/(\w+(?: \w+)?)", lint[1]):
        assert any(entry.startswith(asked) for entry in entries), asked
