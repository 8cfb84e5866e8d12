"""BLEU and ROUGE of many captions at once, against loops of sacrebleu and rouge-score over single ones."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from scripts.bench.fleets import in_turn
from telltale.data.captions.metrics.bleu import bleu
from telltale.data.captions.metrics.rouge import rouge_l, rouge_n
from telltale.data.captions.metrics.tokens import CaptionTokens

VOCABULARY, SHORTEST, LONGEST = 2000, 6, 16  # words of a caption, of as many as Flickr8k's have


def measure(pairs: int = 10_000, repeats: int = 7) -> dict[str, Any]:
    """Time BLEU and ROUGE-1/2/L of captions with one reference each.

    What is compared → way → seconds, median ratio of ways that take turns, and the largest difference of a value.
    One call of sacrebleu gives all that BLEU-1 to BLEU-4 are made of, so that loop is run once.
    """
    candidates, references = _captions(pairs)
    numbered = _numbered(candidates, references)

    def fresh() -> CaptionTokens:  # nothing kept from the turn before
        return CaptionTokens(numbered.candidates, numbered.references, numbered.present)

    def both(tokens: CaptionTokens) -> np.ndarray:
        return np.column_stack([bleu(tokens)[:, 3], _rouge(tokens)])

    by_sacrebleu, by_rouge_score = _loops(candidates, references)
    compared = {
        "BLEU, words numbered": {"ours": lambda: bleu(fresh())[:, 3], "sacrebleu": by_sacrebleu},
        "ROUGE-1/2/L, words numbered": {"ours": lambda: _rouge(fresh()), "rouge-score": by_rouge_score},
        "both, from text": {
            "ours": lambda: both(_numbered(candidates, references)),
            "sacrebleu and rouge-score": lambda: np.column_stack([by_sacrebleu(), by_rouge_score()]),
        },
    }
    return {"pairs": pairs} | {name: _compared(ways, repeats) for name, ways in compared.items()}


def _numbered(candidates: list[str], references: list[str]) -> CaptionTokens:
    return CaptionTokens.of([one.split() for one in candidates], [[one.split()] for one in references])


def _rouge(tokens: CaptionTokens) -> np.ndarray:
    return np.stack([rouge_n(tokens, 1).f1, rouge_n(tokens, 2).f1, rouge_l(tokens).f1], 1)


def _loops(candidates: list[str], references: list[str]) -> tuple[Callable[[], np.ndarray], Callable[[], np.ndarray]]:
    """Return the loops over sacrebleu's sentence BLEU and rouge-score's scorer, words parted at blanks."""
    from rouge_score.rouge_scorer import RougeScorer
    from rouge_score.tokenizers import Tokenizer
    from sacrebleu.metrics import BLEU

    logging.getLogger("sacrebleu").setLevel(logging.ERROR)  # it advises against BLEU of single sentences

    class Split(Tokenizer):
        def tokenize(self, text: str) -> list[str]:
            return text.split()

    metrics = ["rouge1", "rouge2", "rougeL"]
    sentence, scorer = BLEU(smooth_method="none", tokenize="none"), RougeScorer(metrics, tokenizer=Split())
    pairs = list(zip(candidates, references, strict=True))

    def by_sacrebleu() -> np.ndarray:
        return np.array([sentence.sentence_score(one, [other]).score / 100 for one, other in pairs])

    def by_rouge_score() -> np.ndarray:
        scored = [scorer.score(other, one) for one, other in pairs]
        return np.array([[scores[name].fmeasure for name in metrics] for scores in scored])

    return by_sacrebleu, by_rouge_score


def _compared(ways: dict[str, Callable[[], np.ndarray]], repeats: int) -> dict[str, dict[str, float]]:
    values = {name: way() for name, way in ways.items()}
    seconds = in_turn(ways, repeats)
    return {
        name: {
            "seconds": float(np.median(seconds[name])),
            "ratio": float(np.median(seconds[name] / seconds["ours"])),
            "difference": float(np.abs(values[name] - values["ours"]).max()),
        }
        for name in ways
    }


def _captions(number: int) -> tuple[list[str], list[str]]:
    """Draw captions by Zipf's law, and references of which a candidate has about half of the words in common."""
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, VOCABULARY + 1)
    drawn = rng.choice(VOCABULARY, (2, number, LONGEST), p=share / share.sum())
    drawn[1] = np.where(rng.random(drawn[1].shape) < 0.5, drawn[0], drawn[1])
    lengths = rng.integers(SHORTEST, LONGEST + 1, (2, number))
    texts = [
        [" ".join(f"w{word}" for word in row[:length]) for row, length in zip(rows.tolist(), sizes, strict=True)]
        for rows, sizes in zip(drawn, lengths.tolist(), strict=True)
    ]
    return texts[0], texts[1]
