"""What a run writes of itself."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from telltale.errors import InputError
from telltale.reporting import run_folder
from telltale.reporting.earlier import results_in
from telltale.reporting.run_folder import RunFolder
from telltale.reporting.status import status_of

CFG = OmegaConf.create(
    {
        "seed": 0,
        "attack": {"_target_": "some.Attack"},
        "logger": {"_target_": "telltale.reporting.loggers.NoLogger"},
    }
)


def status_in(folder: Path) -> str:
    return str(json.loads((folder / "run.json").read_text())["status"])


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """Return the folder of a finished run, with a file of the user's in it."""
    with RunFolder(tmp_path, CFG) as run:
        run.accept()
        (tmp_path / "metrics.json").write_text("{}")
        (tmp_path / "figures").mkdir()
        (tmp_path / "figures" / "roc.png").write_text("")
    (tmp_path / "notes.txt").write_text("mine")
    return tmp_path


def files_in(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("broken"), "failed"), (KeyboardInterrupt(), "interrupted"), (SystemExit(1), "interrupted")],
)
def test_results_of_an_earlier_run_are_never_beside_a_new_configuration(
    earlier: Path, error: BaseException, status: str
) -> None:
    """Catches old metrics under a new config.yaml once a run fails into its folder, and the user's files deleted."""
    with pytest.raises(type(error)), RunFolder(earlier, CFG) as run:
        run.accept()
        raise error
    assert set(files_in(earlier)) == {"config.yaml", "run.json", "notes.txt"}
    assert status_in(earlier) == status


def test_a_refused_command_leaves_the_folder_as_it_was(earlier: Path) -> None:
    """Catches results lost to a typing mistake, and a folder that holds half of each run."""
    before = files_in(earlier)
    with pytest.raises(InputError), RunFolder(earlier, CFG):
        raise InputError("attack.k", 0, "from 1")
    assert files_in(earlier) == before
    with pytest.raises(KeyboardInterrupt), RunFolder(earlier, CFG):
        raise KeyboardInterrupt  # killed, say, before it was accepted: what there was is not lost
    with pytest.raises(InputError), RunFolder(earlier, CFG):
        raise InputError("attack.k", 0, "from 1")
    assert files_in(earlier) == before


def test_every_file_that_a_run_writes_goes_with_it(tmp_path: Path) -> None:
    """Catches a file, new since, that stays in a folder used again: each that the code names must be known."""
    house = Path(run_folder.__file__).parents[1]
    writers = [*house.glob("*.py"), *(house / "reporting").glob("*.py"), *(house / "auditing").glob("*.py")]
    text = "".join(file.read_text(encoding="utf-8") for file in writers if file.stem != "sweep")  # of many runs
    named = set(re.findall(r"(?:folder|place) / \"([a-z_]+\.[a-z]+)\"", text))
    for name in named:
        (tmp_path / name).touch()
    assert len(named) >= 12 and {str(file) for file in results_in(tmp_path)} == named


def test_a_refused_job_of_a_sweep_tells_its_table_why(tmp_path: Path) -> None:
    """Catches a job that is missing in the table over all jobs."""
    with pytest.raises(InputError), RunFolder(tmp_path, CFG, in_sweep=True):
        raise InputError("attack.k", 0, "from 1")
    assert status_in(tmp_path) == "failed"


def test_two_runs_are_never_in_one_folder(tmp_path: Path) -> None:
    """Catches one run's results under the other's configuration."""
    with RunFolder(tmp_path, CFG):
        with pytest.raises(InputError, match="another run is in there now"), RunFolder(tmp_path, CFG):
            raise AssertionError
        assert status_in(tmp_path) == "running"
    assert status_in(tmp_path) == "finished"


def test_an_interruption_while_the_folder_is_made_is_recorded_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches `failed`, and `running` for ever."""

    def interrupted(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("telltale.reporting.run_folder.OmegaConf.to_yaml", interrupted)
    with pytest.raises(KeyboardInterrupt), RunFolder(tmp_path, CFG):
        raise AssertionError
    assert status_in(tmp_path) == "interrupted"


def test_a_signal_while_the_end_is_recorded_is_recorded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches `running` for ever where a cluster asks twice, or just as the run ends."""
    plain, signals = run_folder.write_json, iter([KeyboardInterrupt])

    def struck(*arguments: Any) -> object:
        for signal in signals:
            raise signal
        return plain(*arguments)

    with pytest.raises(KeyboardInterrupt), RunFolder(tmp_path, CFG):
        monkeypatch.setattr(run_folder, "write_json", struck)
    assert status_in(tmp_path) == "interrupted"


def test_a_full_disk_is_recorded_in_the_room_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches `running` for ever, and a second error that hides the first."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space") as told, RunFolder(tmp_path, CFG):
        monkeypatch.setattr("telltale.reporting.run_folder.write_json", full)
        raise OSError(28, "No space left on device", "weights")
    assert told.value.filename == "weights"
    assert status_in(tmp_path) == "failed"


def test_a_run_whose_process_is_gone_was_interrupted(tmp_path: Path) -> None:
    """Catches `running` for ever after kill -9, a number given to another process, and another machine's run ended."""
    with RunFolder(tmp_path, CFG):
        run = json.loads((tmp_path / "run.json").read_text())
    here = run["process"]
    assert status_of(run) == "running"
    assert status_of(run | {"process": here | {"pid": 2**22 + 1}}) == "interrupted"
    assert status_of(run | {"process": here | {"started": here["started"] - 60}}) == "interrupted"
    assert status_of(run | {"process": here | {"pid": 2**22 + 1, "host": "elsewhere"}}) == "running"
    assert status_of({"status": "running"}) == "running"  # of an older version: nothing is known


def test_a_stage_adds_its_seconds_up_also_where_it_fails(tmp_path: Path) -> None:
    """Catches seconds of a second visit that replace those of the first, and a failed stage that took no time."""
    run = RunFolder(tmp_path, OmegaConf.create({"seed": 0}))
    with run.stage("training"):
        time.sleep(0.02)
    first = run.seconds["training"]
    with pytest.raises(ValueError, match="broken"), run.stage("training"):
        time.sleep(0.02)
        raise ValueError("broken")
    assert first >= 0.02 and run.seconds["training"] >= first + 0.02


def test_a_data_set_whose_name_is_no_utf8_is_written_escaped(tmp_path: Path) -> None:
    """Catches a trained run that is lost as its own folder cannot be written, or its configuration never read again."""
    root = "/data/mol\udce9.smi"
    cfg = OmegaConf.merge(CFG, {"dataset": {"root": root, "files": [root]}})
    with RunFolder(tmp_path, cfg, [f"dataset.root={root}"]) as run:  # type: ignore[arg-type]
        run.accept()
    written = yaml.load((tmp_path / "config.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    assert written["dataset"] == {"root": "/data/mol\\xe9.smi", "files": ["/data/mol\\xe9.smi"]}
    assert json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["overrides"] == [
        "dataset.root=/data/mol\\xe9.smi"
    ]


def test_the_words_of_the_command_line_are_kept(tmp_path: Path) -> None:
    """Catches a run that cannot be repeated from its folder."""
    with RunFolder(tmp_path, OmegaConf.create({"seed": 3}), ["seed=3", "attack=tmi"]):
        document = json.loads((tmp_path / "run.json").read_text())
    assert document["overrides"] == ["seed=3", "attack=tmi"] and document["status"] == "running"


def test_the_next_job_of_a_sweep_counts_from_its_own_start(tmp_path: Path) -> None:
    """Catches "the attack starts 71 s after the process", where other jobs took 70 of them."""
    RunFolder(tmp_path / "0", OmegaConf.create({"seed": 0}))
    said = RunFolder(tmp_path / "1", OmegaConf.create({"seed": 1})).since_start()
    assert said.endswith(" s after the job") and float(said.split()[0]) < 5
