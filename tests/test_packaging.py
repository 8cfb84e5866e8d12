"""A wheel holds what runs need and nothing else, runs anywhere, and never stands in for a checkout's own code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.experiment.commands import ROOT, Ended, read

pytestmark = pytest.mark.slow
WORDS = ("attack=threshold", "rivals=none", "scale=smoke", "logger=none", "trainer=cpu", "evaluation.replicates=50")
WITNESS = '''
import sys, uuid
from pathlib import Path
from hydra.experimental.callback import Callback

class Witness(Callback):
    """Writes down whose code a job's process ran."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def on_job_end(self, **job):
        (self.folder / uuid.uuid4().hex).write_text(sys.modules["telltale"].__file__)
'''


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from a copy of the checkout: setuptools leaves folders where it builds."""
    copy, built = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("wheel")
    for name in ("src", "conf", "scripts", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    isolated = [] if int(version("setuptools").split(".")[0]) < 77 else ["--no-build-isolation"]
    done(sys.executable, "-m", "pip", "wheel", "--no-deps", *isolated, "-w", str(built), str(copy), folder=copy)
    (file,) = built.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel installed, and this one's libraries, less our own editable install."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, symlinks=True)
    interpreter = environment / "bin" / "python"
    done(sys.executable, "-m", "pip", "--python", str(interpreter), "install", "--no-deps", "--no-index", str(wheel))
    (site,) = environment.glob("lib/python3*/site-packages")
    (site / "libraries.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    return interpreter


def done(*arguments: str, folder: Path = ROOT, path: str = "") -> Ended:
    """Run a program in a folder, with nothing of this checkout on its path, and require that it ends well."""
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert ended.returncode == 0, ended.stdout[-1500:] + ended.stderr[-3000:]
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def test_a_wheel_holds_what_runs_need_and_nothing_else(wheel: Path) -> None:
    """Catches data files that stay behind, and a `src`, `conf` or `scripts` among everybody's packages."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"telltale"}
    missing = [
        str(file.relative_to(folder))
        for folder, there in ((ROOT / "src" / "telltale", "telltale"), (ROOT / "conf", "telltale/conf"))
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and f"{there}/{file.relative_to(folder)}" not in names
    ]
    assert not missing
    assert {"telltale/conf/config.yaml", "telltale/py.typed", "telltale/reporting/report.html.jinja"} <= set(names)


def test_the_installed_command_runs_from_an_empty_folder(python: Path, tmp_path: Path) -> None:
    """Catches an installed package that needs the checkout."""
    done(str(python.with_name("telltale")), *WORDS, "hydra.run.dir=run", folder=tmp_path)
    assert read(tmp_path / "run" / "metrics.json")["metrics"]
    assert (tmp_path / "outputs" / "store").is_dir()


def test_it_runs_beside_a_src_package_of_the_users(python: Path, tmp_path: Path) -> None:
    """Catches an import of `src`, which is here somebody else's."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "__init__.py").write_text("raise RuntimeError('this is not yours')\n")
    done(str(python), "-m", "telltale", *WORDS, "hydra.run.dir=run", folder=tmp_path)
    assert read(tmp_path / "run" / "metrics.json")["metrics"]


@pytest.mark.parametrize("launcher", ["basic", "joblib", "submitit_local"])
def test_a_checkout_runs_its_own_code_whatever_is_installed(python: Path, tmp_path: Path, launcher: str) -> None:
    """Catches processes of a sweep that import the installed copy, which may be another version."""
    (tmp_path / "witness.py").write_text(WITNESS)
    (tmp_path / "seen").mkdir()
    (installed,) = python.parents[1].glob("lib/python3*/site-packages")
    assert done(str(python), "-c", "import telltale; print(telltale.__file__)", folder=tmp_path).out.startswith(
        str(installed)
    )
    callback = "+hydra.callbacks.witness={_target_: witness.Witness, folder: '" + str(tmp_path / "seen") + "'}"
    places = (f"paths.outputs={tmp_path}", f"paths.cache={ROOT}/outputs/cache", f"hydra.sweep.dir={tmp_path}/sweep")
    done(
        *(
            str(python),
            "-m",
            "src.run",
            "-m",
            *WORDS,
            "seed=0,1",
            f"hydra/launcher={launcher}",
            "trust=true",
            callback,
            *places,
        ),
        path=os.pathsep.join([str(installed), str(tmp_path)]),
    )
    seen = [file.read_text() for file in (tmp_path / "seen").iterdir()]
    assert seen == [str(ROOT / "src" / "telltale" / "__init__.py")] * 2
