from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from telltale.errors import InputError
from telltale.reporting.figures import mixing_histogram, save_png
from telltale.reporting.loggers import CsvLogger, NoLogger, RunLogger, WandbLogger


def inspect(run: Path) -> dict:
    """Read a run that was never uploaded with W&B's own reader."""
    wandb = Path(sys.executable).with_name("wandb")
    command = [str(wandb), "leet", "inspect", "--summary", "--json", str(run)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_two_jobs_of_one_process_make_two_closed_wandb_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches jobs that share a run, numbers that W&B drops, and pandas loaded only to see that nothing is a frame."""
    import numpy as np
    import wandb.util

    assert wandb.util.pd_available
    monkeypatch.setitem(sys.modules, "pandas", None)  # to import it fails

    png = save_png(mixing_histogram(np.linspace(0, 1, 50)), tmp_path / "a.png", dpi=40)
    for job, failed in ((0, False), (1, True)):
        logger = WandbLogger(tmp_path / f"job{job}", name=f"job {job}", settings={"seed": job, "nan": np.nan})
        logger.log_table("top molecules", ["smiles", "score"], [["CCO", np.float64(0.5)], ["CCN", np.nan]])
        logger.log_scalars({"auc": 0.25 + job}, step=0)  # a step smaller than W&B's own must not be lost
        logger.log_figure("alpha", png)
        logger.finish(failed)
        logger.finish(failed)
    for job, code in ((0, 0), (1, 1)):
        runs = list((tmp_path / f"job{job}" / "wandb").glob("offline-run-*"))
        assert len(runs) == 1
        text = json.dumps(inspect(runs[0]))
        assert f'"auc": {0.25 + job}' in text, text
        assert list(runs[0].rglob("*.table.json")) and list(runs[0].rglob("media/images/*.png"))
        assert exit_code(runs[0]) == code


def exit_code(run: Path) -> int:
    return inspect(run)["exit_code"]


def test_an_unfinished_run_is_not_written_into_by_the_next(tmp_path: Path) -> None:
    first, second = (WandbLogger(tmp_path / name, name=name) for name in ("first", "second"))
    second.log_scalars({"auc": 0.75})
    second.finish()
    first.finish()
    texts = [json.dumps(inspect(next((tmp_path / n / "wandb").glob("offline-run-*")))) for n in ("first", "second")]
    assert '"auc": 0.75' not in texts[0] and '"auc": 0.75' in texts[1]  # times may have these digits


def test_an_unknown_mode_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"logger\.mode=onlin: one of offline, online, disabled"):
        WandbLogger(tmp_path, mode="onlin")


def test_only_the_first_rank_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    for logger in (WandbLogger(tmp_path / "w"), CsvLogger(tmp_path / "c")):
        logger.log_scalars({"auc": 0.5})
        logger.log_table("t", ["a"], [[1]])
        logger.finish()
    assert list(tmp_path.iterdir()) == []


def test_csv_logger_writes_long_format_and_tables(tmp_path: Path) -> None:
    logger = CsvLogger(tmp_path / "run")
    logger.log_scalars({"loss": 1.5, "auc": 0.5}, step=3)
    logger.log_scalars({"auc": 0.75})
    logger.log_table("top/molecules", ["smiles", "score"], [["C,C", 1]])
    with (tmp_path / "run" / "scalars.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["step", "name", "value"], ["3", "loss", "1.5"], ["3", "auc", "0.5"], ["", "auc", "0.75"]]
    assert (tmp_path / "run" / "top_molecules.csv").read_text().splitlines() == ["smiles,score", '"C,C",1']


@pytest.mark.parametrize("name", ["wandb", "csv", "none"])
def test_every_yaml_makes_a_logger_with_the_arguments_of_a_run(name: str, tmp_path: Path) -> None:
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    config = OmegaConf.load(Path(__file__).parents[2] / "conf" / "logger" / f"{name}.yaml")
    if name == "wandb":
        config.mode, config.group = "disabled", None  # a sweep's name, where there is one
    logger: RunLogger = instantiate(config, folder=tmp_path, name="x", settings={"seed": 0, "k": [1, 2]})
    logger.log_scalars({"auc": 0.5}, step=1)
    logger.log_figure("f", tmp_path / "absent.png")
    logger.finish(failed=True)
    assert isinstance(logger, NoLogger)
