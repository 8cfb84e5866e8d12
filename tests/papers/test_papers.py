"""Every conf/paper file can be read, and its experiments compose."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from scripts import reproduce_paper
from scripts.jobs import ROOT
from scripts.needs import unmet
from scripts.paper_runs import jobs_of
from scripts.reproduce_paper import main, read_paper
from telltale.configuration.assembly import assemble
from telltale.configuration.command_line import SCALES, register_resolvers
from telltale.configuration.parsed import composed, told_as_input
from telltale.errors import InputError
from telltale.papers.claims import Claim
from telltale.papers.claims_file import Tally
from telltale.papers.grid import Grid
from telltale.papers.judging import judge, judge_all
from telltale.papers.prose import filled
from telltale.papers.ratio_law import fits, laws_of, slopes
from telltale.papers.table import Table
from telltale.planning import rehearse
from telltale.planning.cost import JobCost
from telltale.training.rehearsal import NOTHING, Spent
from tests.experiment.commands import process

PAPERS = sorted(file.stem for file in (ROOT / "conf" / "paper").glob("*.yaml"))
NEEDED = sorted({variable for name in PAPERS for variable in read_paper(name, "small").get("needs", {})})


@pytest.mark.parametrize("name", PAPERS)
def test_every_claim_is_read_and_names_experiments_that_exist(name: str) -> None:
    paper = read_paper(name, "small")
    claims = [Claim.of(entry) for entry in paper["claims"]]
    assert len(judge_all(claims, {})) == len(claims)  # what a claim requires is there
    for claim in claims:
        for one in (claim, *claim.either):
            for quantity in (one.quantity, one.quantity and one.quantity.less, one.power and one.power.quantity):
                named = {*quantity.experiments, *quantity.minus_experiments} if quantity else set()
                assert {*named, *one.first_of} <= set(paper["experiments"])


@pytest.mark.parametrize("name", PAPERS)
def test_every_grid_and_table_names_experiments_that_exist(name: str) -> None:
    """Catches a column that stays empty because its experiment is misspelt."""
    paper = read_paper(name, "small")
    named = {column for grid in map(Grid.of, paper.get("grids", [])) for column in grid.columns}
    named |= {place[0] for table in map(Table.of, paper.get("tables", [])) for place in table.rows.values()}
    assert named <= set(paper["experiments"])


@pytest.mark.parametrize("name", PAPERS)
def test_every_sentence_finds_its_claims_and_laws(name: str) -> None:
    """Catches a misspelt name that is refused only when all runs are done."""
    paper = read_paper(name, "small")
    tested = judge_all([Claim.of(entry) for entry in paper["claims"]], {})
    laws = [(law, fits(law, {})) for law in laws_of(paper)]
    assert "{{" not in filled(paper.get("reading", ""), tested, {}, slopes(laws))


@pytest.mark.parametrize("name", PAPERS)
def test_small_scale_has_five_seeds_and_none_on_which_options_were_chosen(name: str) -> None:
    """Catches Student's t with two degrees of freedom, and a figure reported on the seed that chose it."""
    seeds = read_paper(name, "small")["seeds"]
    for scale in ("small", "paper"):
        assert len(set(seeds[scale])) >= 5 and 0 not in seeds[scale]


@pytest.mark.parametrize("name", PAPERS)
def test_every_experiment_composes_at_every_scale(name: str, tmp_path: Path) -> None:
    register_resolvers()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        for scale in SCALES:
            paper = read_paper(name, scale)
            one_seed = {**paper, "seeds": {scale: paper["seeds"][scale][:1]}}
            places = {column: place for law in laws_of(paper) for column, place in law.columns.items()}
            seen: set[str] = set()
            for place, job in enumerate(jobs_of(one_seed, scale, tmp_path)):
                scaled = {word for word in job.overrides if "by_scale" in word}
                new, seen = bool(scaled - seen), seen | scaled
                if scale == "small" or new or not place:  # elsewhere a scale changes no word of an experiment
                    cfg = compose("config", overrides=list(job.overrides))
                    assert cfg.seed == job.seed and OmegaConf.to_container(cfg.pools, resolve=True)
                    if scale == "small" and job.experiment in places:  # what its law says of it is so
                        of = {"epochs": cfg.objective.epochs, "members": cfg.pools.members}
                        told = {"others": of["members"], **places[job.experiment]}
                        assert told == {**of, "others": cfg.pools.non_members}


def test_an_experiment_that_never_ran_decides_nothing() -> None:
    paper = read_paper("molextract", "small")
    assert {str(judge(Claim.of(entry), {}).verdict) for entry in paper["claims"]} == {"cannot tell at this scale"}


@pytest.mark.parametrize(("arguments", "field"), [(["nature"], "PAPER"), (["molextract", "--scale", "huge"], "SCALE")])
def test_bad_names_are_refused_in_one_line(
    arguments: list[str], field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith(f"error: {field}=")
    assert "\n" not in error


def test_what_all_papers_cost_is_said_first_and_the_cheapest_is_played_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a start without a plan, a plan of each seed, papers by their names, and a refusal that stops all."""
    planned: list[str] = []
    order: list[str] = []

    def cost(words: Sequence[str], name: str) -> JobCost:
        planned.append(name)
        if name == "dp_1":
            raise InputError("pools", "huge", "smaller ones")
        seconds = 1.0 if "attack=molextract" in words else 50.0
        return JobCost(name, 0, [], {"attack": Spent(seconds, seconds)}, {}, 1e6, NOTHING, 0)

    def reproduced(name: str, *_: object) -> tuple[Tally, list]:
        order.append(name)
        return Tally.of([]), []

    monkeypatch.setattr(rehearse, "cost_of_words", cost)
    monkeypatch.setattr(reproduce_paper, "reproduce", reproduced)
    for variable in NEEDED:
        monkeypatch.setenv(variable, str(tmp_path))
    assert main(["--scale", "small", "--folder", str(tmp_path)]) == 0
    experiments = {name: read_paper(name, "small")["experiments"] for name in PAPERS}
    assert len(planned) == sum(map(len, experiments.values()))
    cheapest = sorted(PAPERS, key=lambda name: len(experiments[name]) if name != "molextract" else 0)
    assert order == [*(name for name in cheapest if name != "tmi"), "tmi"]  # which the runs of others decide in part
    said = capsys.readouterr()
    assert said.out.index("Extracting Training Data") < said.out.index("TMI!")
    assert f"({5 * len(experiments['molextract'])} jobs)" in said.out
    assert "dp_1 cannot run: pools=huge: smaller ones" in said.err
    assert main(["tmi", "--scale", "small", "--folder", str(tmp_path), "--plan"]) == 2 and len(order) == len(PAPERS)


@pytest.mark.slow
@pytest.mark.parametrize("name", PAPERS)
def test_the_papers_own_sizes_are_accepted_or_refused_with_sizes_that_are(name: str, tmp_path: Path) -> None:
    """Catches a recipe of the paper's scale that does not go together, and an offer of sizes that are refused again."""
    if read_paper(name, "paper").get("fetches"):
        pytest.skip("its data is fetched, and tests fetch nothing")
    for words in dict.fromkeys(tuple(words[:1]) for words in read_paper(name, "paper")["experiments"].values()):
        everything = [*words, "scale=paper", "trainer=cpu", f"paths.outputs={tmp_path}", "paths.cache=outputs/cache"]
        try:
            checked(everything, tmp_path)
        except InputError as error:
            offered = re.findall(r"pools\.\w+=\d+", str(error))
            assert offered, error
            checked([*everything, *offered], tmp_path)


@pytest.mark.parametrize("variable", NEEDED)
def test_a_paper_of_the_users_own_data_is_refused_in_one_line_or_left_out(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches runs that fail one after the other, a plan of them, and papers that are not judged as one cannot be."""
    planned: list[str] = []
    others = [name for name in PAPERS if variable not in read_paper(name, "small").get("needs", {})]
    played: list[str] = []

    def judged(name: str, *_: object) -> tuple[Tally, list]:
        played.append(name)
        return Tally.of([]), []

    def planning(read: dict[str, dict], *_: object) -> tuple[list[str], list[str]]:
        planned.extend(read)
        return list(read), []

    monkeypatch.setattr(reproduce_paper, "plan", planning)
    monkeypatch.setattr(reproduce_paper, "reproduce", judged)
    for other in NEEDED:
        monkeypatch.setenv(other, str(tmp_path))
    monkeypatch.setenv(variable, str(tmp_path / "nowhere"))
    (of_it,) = set(PAPERS) - set(others)
    assert main([of_it, "--scale", "small", "--folder", str(tmp_path)]) == 2 and not planned
    said = capsys.readouterr().err.strip()
    assert said.startswith(f"error: {variable}=") and "\n" not in said
    assert main([of_it, "--scale", "small", "--folder", str(tmp_path), "--finished"]) == 2  # there is nothing
    assert "are left to run" in capsys.readouterr().err
    assert main(["--scale", "small", "--folder", str(tmp_path)]) == 0 and planned == others
    assert played == [*(name for name in others if name != "tmi"), "tmi"]
    assert f"{of_it} is left out: {variable}=" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", PAPERS)
def test_the_papers_own_sizes_run_on_a_cpu_where_two_batches_are_seen(name: str, tmp_path: Path) -> None:
    """Catches a network, an attack or a page that fails at the papers' sizes alone. Of many victims there are eight."""
    if mistake := unmet(read_paper(name, "paper")):
        pytest.skip(str(mistake))
    if read_paper(name, "paper").get("fetches"):
        pytest.skip("its data is fetched, and tests fetch nothing")
    first = next(iter(read_paper(name, "paper")["experiments"].values()))
    fewer = ["victims=8"] if name.startswith("tmi") or name == "vae_metric_privacy" else []
    words = [*first, *fewer, "scale=paper", "debug=fast", "trainer=cpu", "logger=none", f"paths.outputs={tmp_path}"]
    ended = process(*words, "paths.cache=outputs/cache", seconds=1500)
    if ended.code == 2:  # the records that come along are fewer than the paper's
        ended = process(*words, "paths.cache=outputs/cache", *re.findall(r"pools\.\w+=\d+", ended.err), seconds=1500)
    assert ended.code == 0, ended.err
    assert "not a result" in ended.out


def checked(words: Sequence[str], folder: Path) -> None:
    """Assemble a command and check all that a run would refuse."""
    with composed(words, folder) as (cfg, _), told_as_input(words):
        assemble(cfg, HydraConfig.get().runtime.choices, folder, None).check()
