"""A function of the user's: scikit-learn, XGBoost, chemprop, anything that answers."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from telltale.errors import InputError
from telltale.targets.target import POPULATION, Target


class FunctionTarget(Target):
    """A function from records to answers, in a file of the user's, which loads its own weights.

    call: file.py:function, or the function itself (from Python); the rest as in `Target`.
    """

    def __init__(
        self,
        call: Any = None,
        gives: str = "probabilities",
        batch_size: int = 4096,
        population: float = POPULATION,
        split: str = "unknown",
        train: Any = None,
        shadow_models: int = 16,
        processes: int = 1,
        stand_in: bool = False,
    ) -> None:
        super().__init__(gives, batch_size, population, split, train, shadow_models, processes, stand_in)
        self._call = call
        self._function: Callable[[Any], Any] = call if callable(call) else named("target.call", call)

    @property
    def name(self) -> str:
        """Name the function."""
        return str(getattr(self._call, "__qualname__", self._call))

    def answer(self, inputs: Any) -> Any:
        """Call the function."""
        return called("target.call", self.name, self._function, inputs)


def named(field: str, place: Any) -> Any:
    """Return what `file.py:name` names. Raises InputError where there is none, or the file fails."""
    path, colon, name = str(place).rpartition(":")
    if place is None or not colon or not name:
        raise InputError(field, "null" if place is None else place, "expected file.py:name")
    file = Path(path).expanduser()
    if not file.is_file():
        raise InputError(field, place, f"no such file: {file}")
    module = _module(field, place, file)
    if not hasattr(module, name):
        there = ", ".join(sorted(key for key in vars(module) if not key.startswith("_"))) or "nothing"
        raise InputError(field, place, f"{file.name} has no {name}; it has {there}")
    return getattr(module, name)


class _AsWritten(SourceFileLoader):
    """Reads a file of the user's as it is: bytecode kept of it may be of what it was within the same second."""

    def path_stats(self, path: str) -> Mapping[str, Any]:
        """Say that nothing is known of the file, so that no bytecode is taken or kept."""
        raise OSError(path)


def _module(field: str, place: Any, file: Path) -> Any:
    loader = _AsWritten(f"users_{file.stem}", str(file))
    spec = importlib.util.spec_from_file_location(loader.name, file, loader=loader)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # classes of it must be found by their name
    sys.path.insert(0, str(file.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(field, place, f"the file fails: {last_line(error, file)}") from error
    finally:
        sys.path.pop(0)
    return module


def called(field: str, name: str, function: Callable[..., Any], *inputs: Any) -> Any:
    """Call a function of the user's. Raises InputError with the last line of its own traceback, not of ours."""
    try:
        return function(*inputs)
    except InputError:
        raise
    except Exception as error:
        raise InputError(field, name, f"the function fails: {last_line(error)}{_of_pictures(inputs)}") from error


def _of_pictures(inputs: Sequence[Any]) -> str:
    """Say what pictures a function was given, and which options make others of them."""
    shape = next((tuple(one.shape[1:]) for one in inputs if len(getattr(one, "shape", ())) == 4), None)
    if shape is None:
        return ""
    return f"; it was given pictures of {' x '.join(map(str, shape))}: see dataset.size and dataset.grey"


def last_line(error: BaseException, file: Path | None = None) -> str:
    """Say what went wrong and where in the user's own file, innermost call of theirs."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = str(Path(__file__).resolve().parents[1])
    theirs = [frame for frame in frames if not frame.filename.startswith((ours, "<"))]
    own = [frame for frame in theirs if "site-packages" not in frame.filename] or theirs
    where = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {error}{where}"
