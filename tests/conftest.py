"""Every test begins alike, whatever ran before it in its process; processes that tests start run this checkout.

One thread a process: small matrices gain nothing from more, and wait for them ten times as long when busy.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hydra.core.global_hydra import GlobalHydra

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

COLLECTOR = gc.get_threshold()
SOURCES = str(Path(__file__).resolve().parents[1] / "src")
# processes that tests start run this checkout too
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (SOURCES, os.environ.get("PYTHONPATH"))))
os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported; commands started by tests inherit it
os.environ.setdefault("MKL_NUM_THREADS", "1")
# where the environment keeps bytecode from being written, each process compiles the whole package anew, for a second
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
os.environ.pop("COLUMNS", None)  # workers are given one: what is printed must not depend on who runs the tests


load_yaml, known = yaml.load, dict[tuple[str, str], Any]()


def load_once(stream: Any, Loader: Any) -> Any:
    """Parse what was not parsed before in this process: files of conf/ are a quarter of the time of a composition."""
    if not hasattr(stream, "seek"):
        return load_yaml(stream, Loader)
    text = stream.read()
    if (text, Loader.__name__) not in known:
        stream.seek(0)  # not the text: a mistake is told with the name of its file
        known[text, Loader.__name__] = load_yaml(stream, Loader)
    return deepcopy(known[text, Loader.__name__])


yaml.load = load_once


@pytest.fixture(autouse=True)
def as_at_the_start() -> None:
    """Forget what a command in this process leaves behind: Hydra, the handlers of our log, torch's global generator."""
    GlobalHydra.instance().clear()
    log = logging.getLogger("telltale")
    log.handlers.clear()
    log.setLevel(logging.NOTSET)
    log.propagate = True
    if "torch" in sys.modules:
        sys.modules["torch"].default_generator.manual_seed(0)
    if process := sys.modules.get("telltale.process"):
        process._usual.clear()
        gc.unfreeze()  # a command keeps what it has loaded from the collector: and here the garbage of all before it
        gc.set_threshold(*COLLECTOR)


@pytest.fixture(autouse=True)
def coarse_pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw pictures coarse and without a layout, in a third of the time, where a test is not about what is drawn.

    All that a figure shows is still drawn. Processes that tests start draw as ever, and so does the first run here.
    """
    figures = sys.modules.get("telltale.reporting.figures")
    if figures and not {"reporting", "scripts"} & set(request.path.parts):
        monkeypatch.setattr(figures, "pixels_of", _coarse)


def _coarse(figure: Figure, _: int) -> np.ndarray:
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    figure.set_layout_engine("none")
    figure.dpi = 30
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say the order, which `-q` keeps pytest-randomly from saying: by its seed the order can be had again."""
    seed = getattr(terminalreporter.config.option, "randomly_seed", None)
    if seed is not None:
        terminalreporter.write_line(f"this order again: --randomly-seed={seed}")
