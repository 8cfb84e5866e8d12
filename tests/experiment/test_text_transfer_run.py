"""TMI through a fine-tuned language model, the whole command at the smallest sizes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from telltale.configuration.arguments import left_open_by, of_texts, readable
from telltale.errors import InputError
from tests.experiment.commands import command

OTHER = ["downstream=other_classes"]
FEWER = ["victims=${by_scale:6,12,32}", "shadow_models=${by_scale:2,20,33}", "pools.members=${by_scale:50,250,5000}"]
MEAN, LONGER = "model.pooling=mean", "objective.pretraining.epochs=${by_scale:2,12,20}"
HEAD = ["objective.epochs=${by_scale:5,100,100}", "objective.learning_rate=0.01"]
MAILS = [
    *("downstream=same_classes", "dataset.context=${by_scale:32,64,256}", "shadow_models=${by_scale:2,14,33}"),
    *("pools.members=${by_scale:50,250,300}", "pools.auxiliary=${by_scale:100,250,250}"),
    *("pools.population=${by_scale:100,500,500}", "pools.test=${by_scale:100,500,500}"),
    *("pools.finetune=${by_scale:300,900,900}", "pools.finetune_test=${by_scale:100,400,400}"),
]
WORDS = ("attack=tmi", "dataset=wordnet", "model=transformer", "scale=smoke", "trainer=cpu", "logger=none")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tmi")
    words = (*WORDS, "evaluation.replicates=50", f"paths.outputs={folder}", "paths.cache=outputs/cache")
    ended = command(*words, f"hydra.run.dir={folder}/run")
    assert ended.code == 0, ended.err
    return folder / "run"


def test_the_table_has_the_language_models_ceiling_and_all_controls(run: Path) -> None:
    """Catches a ceiling that is left out of texts, and a success without its yardstick."""
    document = json.loads((run / "metrics.json").read_text())
    assert {"untrained", "disjoint", "shuffled", "bag_of_words"} <= set(document["controls"])
    assert {"ceiling", "tmi_standardised", "vector_lira", "adapted_lira", "rmia_argmax"} <= set(document["rivals"])
    told = {"accuracy", "pretrained_perplexity", "pretrained_unigram_perplexity", "pretrained_train_perplexity"}
    assert told <= set(document["target"])
    assert document["rivals"]["ceiling"]["auc"]["value"] > 0.65


def test_texts_are_asked_once_and_the_report_says_so(run: Path) -> None:
    """Catches eight equal queries that are counted as knowledge, and a page without what the model writes."""
    with np.load(run / "evidence.npz", allow_pickle=False) as arrays:
        assert arrays["target"].shape == arrays["membership"].shape == (6, 100)
    page = (run / "report.html").read_text("utf-8")
    assert "Each record was asked once" in page and "language model writes" in page


def test_what_to_type_next_repeats_what_was_typed_alone(run: Path) -> None:
    """Catches a larger scale that is advised with the models, records and epochs of the smallest."""
    page = (run / "report.html").read_text("utf-8")
    (advised,) = {words for words in re.findall(r"python -m src\.run ([^<]*)", page) if words.endswith("scale=small")}
    said = [word for word in advised.split() if not word.startswith("paths.")]
    assert said == [*(word for word in WORDS if word != "scale=smoke"), "evaluation.replicates=50", "scale=small"]


def test_the_page_shows_the_most_exposed_texts(run: Path) -> None:
    """Catches a page of numbers where the texts may be read."""
    page = (run / "report.html").read_text("utf-8")
    assert "Most exposed records" in page and "<span>text</span>" in page


@pytest.mark.parametrize(
    ("words", "added"),
    [
        (["attack=tmi", "model=transformer"], ["objective=transfer_texts", *OTHER, *FEWER, MEAN, LONGER, *HEAD]),
        (
            ["attack=tmi", "model=transformer", "objective.tune=all"],
            ["objective=transfer_texts", *OTHER, *FEWER, MEAN, LONGER],
        ),
        (
            ["attack=tmi", "model=transformer", "objective=transfer_texts", "objective.epochs=3"],
            [*OTHER, *FEWER, MEAN, LONGER, HEAD[1]],  # what was meant anyway takes nothing away
        ),
        (["attack=tmi", "model=hf", "objective=transfer", "victims=3"], [*OTHER, *FEWER[1:], MEAN]),
        (
            ["attack=tmi", "model=hf", "objective=transfer", "++victims=3", "pools={members: 9}"],
            [*OTHER, FEWER[1], MEAN],
        ),
        (
            ["attack=tmi", "model=transformer", "dataset=spamassassin", "victims=3", "objective.tune=all"],
            ["objective=transfer_texts", MEAN, LONGER, *MAILS],
        ),
        (["attack=tmi", "model=cnn"], []),
        (["attack=lira", "model=transformer"], []),
    ],
)
def test_what_a_command_leaves_open_is_chosen_for_texts(words: list[str], added: list[str]) -> None:
    """Catches a word of the user's that is overruled, and pictures that are trained as texts."""
    assert of_texts(words) == [*words, *added]


@pytest.mark.parametrize(
    "words",
    [
        ["attack=lira", "model=mlp", "objective.learning_rate=0.01"],
        ["attack=tmi", "model=transformer", "downstream=same_classes", "objective.learning_rate=0.01"],
        ["-m", "attack=tmi", "model=transformer", "objective.tune=head,lora", HEAD[0], HEAD[1], "victims=3"],
        ["attack=tmi", "model=cnn", MEAN],
    ],
)
def test_what_was_left_open_is_no_word_that_was_typed(words: list[str]) -> None:
    """Catches a typed word that is left out of what to type next because it is a default elsewhere."""
    full = readable(words)
    assert not left_open_by(full) & {word.partition("=")[0] for word in words}
    assert len(left_open_by(full)) == len(full) - len(words)


def test_heads_are_not_swept_over_beside_what_has_other_options() -> None:
    """Catches heads of a sweep that learn nothing in the epochs of whole models."""
    words = ["attack=tmi", "model=transformer", "objective.tune=head,lora"]
    with pytest.raises(InputError, match=r"objective\.tune=head,lora.*objective\.epochs and objective\.learning_rate"):
        of_texts(words)
    for spelled in ("choice(head,lora)", "lora, 'head'"):
        with pytest.raises(InputError, match="head alone"):
            of_texts([*words[:2], f"objective.tune={spelled}"])
    assert of_texts([*words, "objective=transfer"])[-1] == MEAN  # whose epochs are its own
    own = ["objective.epochs=9", "objective.learning_rate=0.01"]
    assert of_texts([*words, *own])[: len(words) + 2] == [*words, *own]
    assert of_texts(["attack=tmi", "model=transformer", "objective.tune=all,lora"])[-1] == LONGER
