"""What TensorBoard and MLflow keep of a run is read back by their own readers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from telltale.configuration.arguments import readable
from telltale.errors import InputError
from telltale.reporting.figures import mixing_histogram, save_png
from telltale.reporting.loggers import NoLogger, RunLogger
from telltale.reporting.several_loggers import SeveralLoggers

SETTINGS = {"attack": {"name": "lira"}, "seed": 3}
REASON = "the extra `trackers` is not installed"


def tell(logger: RunLogger, folder: Path) -> None:
    """Tell a logger what a run tells it."""
    import numpy as np

    logger.log_scalars({"fit/loss": 0.5}, step=7)
    logger.log_scalars({"target/lira/tpr_at_fpr_0.01": 0.25})
    logger.log_figure("alpha", save_png(mixing_histogram(np.linspace(0, 1, 9)), folder / "alpha.png", dpi=30))
    logger.log_table("metrics", ["name", "value"], [["a|b", np.float64(0.5)], ["n", np.nan]])
    (folder / "metrics.json").write_text("{}")
    logger.log_files([folder / "metrics.json"])


def test_tensorboard_reads_back_numbers_figures_tables_and_options(tmp_path: Path) -> None:
    """Catches event files that TensorBoard does not show, or shows without their steps."""
    pytest.importorskip("tensorboard", reason=REASON)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from telltale.reporting.trackers import TensorBoardLogger

    logger = TensorBoardLogger(tmp_path, settings=SETTINGS)
    tell(logger, tmp_path)
    logger.finish()
    logger.finish()
    read = EventAccumulator(str(tmp_path / "tensorboard"))
    read.Reload()
    (loss,), (found,) = read.Scalars("fit/loss"), read.Scalars("target/lira/tpr_at_fpr_0.01")
    assert (loss.step, loss.value, found.value) == (7, 0.5, 0.25)
    assert [image.width > 0 for image in read.Images("alpha")] == [True]
    (table,) = read.Tensors("metrics/text_summary")
    assert rb"| a\|b | 0.5 |" in table.tensor_proto.string_val[0]
    assert "attack/name: lira" in (tmp_path / "tensorboard" / "hparams.yaml").read_text()


def test_mlflow_reads_back_a_run_from_a_local_data_base(tmp_path: Path) -> None:
    """Catches a run that its own client does not find, an artefact that is not there, a failure shown as success."""
    mlflow = pytest.importorskip("mlflow", reason=REASON)
    from telltale.reporting.trackers import MlflowLogger

    address = f"sqlite:///{tmp_path / 'below' / 'mlflow.db'}"
    for name, failed in (("first", False), ("second", True)):
        kept = str(tmp_path / "files")
        logger = MlflowLogger(tmp_path, name, SETTINGS, tracking_uri=address, artifacts=kept, group="night")
        tell(logger, tmp_path)
        logger.finish(failed)
    client = mlflow.MlflowClient(address)
    (experiment,) = [one for one in client.search_experiments() if one.name == "telltale"]
    runs = client.search_runs([experiment.experiment_id], "tags.sweep = 'night'", order_by=["attributes.start_time"])
    assert [run.info.status for run in runs] == ["FINISHED", "FAILED"]
    first = runs[0]
    assert first.data.params == {"attack/name": "lira", "seed": "3"}
    assert first.data.metrics == {"fit/loss": 0.5, "target/lira/tpr_at_fpr_0.01": 0.25}
    assert [one.step for one in client.get_metric_history(first.info.run_id, "fit/loss")] == [7]
    kept_files = tmp_path / "files" / first.info.run_id / "artifacts"
    files = {file.relative_to(kept_files).as_posix() for file in kept_files.rglob("*") if file.is_file()}
    assert files == {"figures/alpha.png", "metrics.json", "tables/metrics.json"}
    assert json.loads((kept_files / "tables" / "metrics.json").read_text())["data"][0] == ["a|b", 0.5]


def test_a_data_base_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    """Catches a traceback of SQLAlchemy."""
    pytest.importorskip("mlflow", reason=REASON)
    from telltale.reporting.trackers import MlflowLogger

    (tmp_path / "mlflow.db").mkdir()
    with pytest.raises(InputError, match=r"logger\.tracking_uri=sqlite.*MLflow cannot write there"):
        MlflowLogger(tmp_path, tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")


def test_jobs_that_begin_together_make_one_data_base_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches two jobs of a sweep that both make the tables, of which one fails, and a traceback of SQLAlchemy."""
    pytest.importorskip("mlflow", reason=REASON)
    from sqlalchemy.exc import OperationalError

    from telltale.reporting.trackers import MlflowLogger

    def make(*of: object, **options: object) -> None:
        with pytest.raises(Timeout):
            FileLock(tmp_path / ".mlflow.db.lock").acquire(timeout=0)
        raise OperationalError("CREATE TABLE experiments", {}, Exception("table experiments already exists"))

    monkeypatch.setattr("pytorch_lightning.loggers.MLFlowLogger", make)
    with pytest.raises(InputError, match=r"^logger\.tracking_uri=sqlite.*table experiments already exists"):
        MlflowLogger(tmp_path, tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")


def test_several_loggers_are_one_word_and_each_is_told(tmp_path: Path) -> None:
    """Catches a list of which Hydra takes the last, and one logger's failure that silences the next."""
    words = readable(["logger=[none,csv]", "seed=1"])
    assert words == ["logger=several", "logger.names=[none,csv]", "seed=1"]
    told: list[str] = []

    class Broken(NoLogger):
        def log_scalars(self, values: object, step: int | None = None) -> None:
            raise OSError("no room")

    class Good(NoLogger):
        def log_scalars(self, values: object, step: int | None = None) -> None:
            told.append(str(values))

    both = SeveralLoggers(tmp_path, names=["csv"], csv={"_target_": "telltale.reporting.loggers.CsvLogger"})
    both.loggers = [Broken(), Good()]
    with pytest.raises(OSError, match="no room"):
        both.log_scalars({"auc": 0.5})
    assert told == ["{'auc': 0.5}"]


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (["csv", "foo"], "logger=\\[csv,foo\\]: each once, of csv, wandb"),
        (["csv", "csv"], "each once"),
        ([], "at least one of csv, wandb"),
    ],
)
def test_names_of_loggers_are_checked(names: list[str], line: str, tmp_path: Path) -> None:
    """Catches a logger that is left out in silence."""
    options = {name: {"_target_": "telltale.reporting.loggers.NoLogger"} for name in ("csv", "wandb")}
    with pytest.raises(InputError, match=line):
        SeveralLoggers(tmp_path, names=names, **options)


def test_only_the_named_logger_is_imported() -> None:
    """Catches Lightning, W&B or MLflow imported by a rerun that writes CSV files."""
    code = "import sys; import telltale.reporting.report, telltale.reporting.several_loggers; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"wandb", "mlflow", "tensorboard", "pytorch_lightning"} & set(modules)
