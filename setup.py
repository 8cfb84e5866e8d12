"""Put conf/ into the wheel as telltale/conf; all else stands in pyproject.toml.

A `package-dir` for it would be left out by `packages.find` without an error.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConfiguration(build_py):
    """The usual build, and the configuration beside the package; an editable install finds it in the checkout."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if not self.editable_mode:
            there = Path(self.build_lib) / "telltale" / "conf"
            shutil.rmtree(there, ignore_errors=True)
            shutil.copytree(Path(__file__).parent / "conf", there, ignore=shutil.ignore_patterns("__pycache__"))


setup(cmdclass={"build_py": BuildWithConfiguration})
