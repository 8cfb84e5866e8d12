"""The command: compose the configuration, hand it over, end with an exit code.

Nothing slow is imported here: `--help`, `--version`, `--cfg job` and errors of composition answer at once.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import nullcontext, suppress
from types import FrameType

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from telltale import __version__
from telltale.checks import yes_or_no
from telltale.configuration.arguments import in_full, readable
from telltale.configuration.command_line import (
    INTERRUPTED,
    check_words,
    configuration_folder,
    explain,
    register_resolvers,
)
from telltale.configuration.shape import check_shape, find_home, shorten
from telltale.configuration.trust import check_targets, guard_composition
from telltale.planning.words import elsewhere
from telltale.process import start_quickly, started
from telltale.reporting.masking import hidden_dirname, masked_text
from telltale.reporting.taking import leave_no_trace, made
from telltale.sweeps.job import as_job
from telltale.sweeps.launching import keep_ledgers
from telltale.sweeps.summary import show_open_sweep
from telltale.training.tasks import follow, leading, own_task, task_count, train_together

CONFIGURATION = configuration_folder()
VERBS = ("runs", "sweep", "compare", "store", "export")  # words that are no experiment, see verbs/words.py

register_resolvers()
guard_composition(hidden_dirname)
keep_ledgers()
failures: list[BaseException] = []  # of the single job this process runs
received: list[int] = []  # signals that asked this process to end; Windows has no SIGHUP
STOPPING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


@hydra.main(version_base="1.3", config_path=str(CONFIGURATION), config_name="config")
def experiment(cfg: DictConfig) -> float | None:
    """Run one composed job; returns its headline metric, for a sweeper to optimise, or None where it failed."""
    try:
        together = task_count() > 1 and train_together(OmegaConf.select(cfg, "trainer"))
        if together and own_task():  # of the processes of each fit; the first task alone plays, and writes
            from telltale.training.fit import fit

            follow(fit)
            leave_no_trace()
            return None
        with leading() if together else nullcontext():
            return as_job(cfg, lambda: _checked_run(cfg))
    except (Exception, KeyboardInterrupt) as error:
        # raised from here, Hydra would add lines of its own to our one; in a sweep they name the job and are wanted
        if HydraConfig.get().mode != RunMode.RUN:
            raise
        failures.append(error)
        return None


def _checked_run(cfg: DictConfig) -> float:
    check_words(HydraConfig.get().runtime.choices)
    check_shape(cfg)
    OmegaConf.resolve(cfg)
    shorten(cfg)
    find_home(cfg)
    check_targets(cfg)
    if yes_or_no("plan", cfg.plan):
        from telltale.planning.rehearse import plan

        started()
        return plan(cfg)
    from telltale.experiment import run

    return run(cfg)


def main() -> None:
    """Run the command line; end with 0, 1 (failed), 2 (bad input), 130 (interrupted), or 128 + the signal received."""
    if "--version" in sys.argv[1:]:  # Hydra would print its own
        print(f"Telltale {__version__}")
        return
    start_quickly()
    sys.argv[1:] = [in_full(word) for word in sys.argv[1:]]
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # errors reach us as they are
    made.clear()
    _listen()
    try:
        if sys.argv[1:2] and sys.argv[1] in VERBS:
            from telltale.verbs.words import play

            play(sys.argv[1:])
            return
        sys.argv[1:] = readable(sys.argv[1:])
        with elsewhere(sys.argv):
            experiment()
            for failure in failures:
                raise failure
    except (Exception, KeyboardInterrupt) as error:
        with suppress(OSError):
            show_open_sweep()
        leave_no_trace()
        if "TELLTALE_TRACEBACK" in os.environ:
            raise
        code, line = explain(error, CONFIGURATION)
        with suppress(OSError):  # nobody listens any more
            if line:
                print(masked_text(line), file=sys.stderr)
        sys.exit(128 + received[0] if received and code == INTERRUPTED else code)
    finally:
        started()


def _listen() -> None:
    """Have what Slurm, Docker and a closing terminal send raise KeyboardInterrupt, as Ctrl-C does, wherever we are.

    What the caller ignores, as nohup does, or handles in its own way stays so.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    received.clear()
    with suppress(ValueError):  # not the main thread: whoever embeds us handles signals
        for number in STOPPING:
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, interrupt)


if __name__ == "__main__":
    main()
