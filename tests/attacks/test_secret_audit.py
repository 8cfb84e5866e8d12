"""Secrets in training texts: what is planted, how often, and what exposure says of those that were and were not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from telltale.attacks.secret_audit import SecretAudit, joined, records_of
from telltale.attacks.secret_format import DIGITS, Format, common_words, exposure
from telltale.data.pools import Pools, PoolSizes, deal
from telltale.data.texts.records import Encoded, TextRecords
from telltale.errors import InputError
from telltale.evaluation.canary_audit import of_canaries
from telltale.evaluation.secrets import expected_exposure
from telltale.evaluation.statistics import Resampling
from telltale.evidence import SecretScores
from telltale.game.game import drawn
from telltale.game.world import Knowledge, World
from tests.attacks.text_worlds import NoRecipe, Speaker

WORDS = [f"w{'abcdefghij'[number // 10]}{'abcdefghij'[number % 10]}" for number in range(100)]
CODES = Format("the code is {secret}", DIGITS, 4)


class Letters:
    """A tokenizer of single bytes."""

    digest, vocabulary = "letters", 259

    def encode(self, texts: Sequence[str], context: int) -> Encoded:
        tokens, cut = np.zeros((len(texts), context), np.int64), np.zeros(len(texts), bool)
        for row, text in enumerate(texts):
            numbers = [1, *(3 + byte for byte in text.encode()), 2]
            cut[row] = len(numbers) > context
            tokens[row, : len(numbers)] = numbers[:context]
        return Encoded(tokens, cut)

    def decode(self, tokens: np.ndarray) -> list[str]:
        return [bytes(int(token) - 3 for token in row if token > 2).decode() for row in tokens]


def texts(number: int, context: int = 48) -> TextRecords:
    rng = np.random.default_rng(0)
    written = np.empty(number, object)
    written[:] = [f"{row} {' '.join(rng.choice(WORDS, 6))}" for row in range(number)]
    tokens = Letters().encode(written.tolist(), context).tokens
    return TextRecords(tokens, 259, "letters", "made up", written, written, np.arange(number), codec=Letters())


@pytest.fixture(scope="module")
def pools() -> Pools[TextRecords]:
    return deal(texts(400), PoolSizes(members=50, non_members=0, canaries=120, auxiliary=200), seed=0)


def knowledge_of(pools: Pools[TextRecords]) -> Any:
    first = pools.member_count + np.unique(pools.canaries, return_index=True)[1]
    secrets = pools.challenge.take(np.random.default_rng(1).permutation(first))
    none = secrets.take(np.arange(0))
    return Knowledge(pools.auxiliary, none, none, secrets, NoRecipe(), None, 7)  # type: ignore[arg-type]


def test_exposure_is_log_of_the_number_over_the_rank() -> None:
    """Catches ranks from 0, natural logarithms, a rank by the lowest, and ties that count as won."""
    others = np.array([-1.0, -2.0, -3.0, -3.0, -4.0, -5.0, -6.0])
    found = exposure(np.array([-0.5, -2.5, -3.0, -9.0]), others)
    assert found.tolist() == pytest.approx([3, 3 - math.log2(3), 3 - math.log2(4), 0])


def test_a_secret_that_chance_ranks_has_the_exposure_of_the_closed_form() -> None:
    """Catches a control that is compared with 0 bits: 1 / ln 2 = 1.44 are chance."""
    rng = np.random.default_rng(0)
    found = np.concatenate([exposure(rng.normal(size=50), rng.normal(size=1023)) for _ in range(400)])
    error = found.std() / math.sqrt(len(found))
    assert found.mean() == pytest.approx(expected_exposure(1024), abs=4 * error)
    exact = np.mean([10 - math.log2(rank) for rank in range(1, 1025)])
    assert expected_exposure(1024) == pytest.approx(exact) and abs(exact - 1 / math.log(2)) < 0.01


@pytest.mark.parametrize("length", [2, 4, 9])
def test_secrets_are_drawn_alike_likely_and_different(length: int) -> None:
    """Catches a first symbol that is never the last one, and a secret that is there twice."""
    form = Format("{secret}", DIGITS, length)
    numbers = form.draw(50, np.random.default_rng(0))
    assert len(set(form.texts(numbers))) == 50 and all(len(text.split()) == length for text in form.texts(numbers))
    many = np.concatenate([form.draw(50, np.random.default_rng(seed)) for seed in range(100)])
    symbols = np.array([text.split() for text in form.texts(many)]).astype(int)
    for place in range(length):
        assert stats.chisquare(np.bincount(symbols[:, place], minlength=10)).pvalue > 1e-4


def test_a_small_format_is_enumerated_and_of_a_large_one_a_sample_taken() -> None:
    """Catches a planted secret among those it is ranked with: a model that knows it would rank it second."""
    planted, rng = set(CODES.texts(range(100))), np.random.default_rng(0)
    others = CODES.others(planted, 64, rng)
    assert len(set(others)) == 9_900 and not planted & set(others)
    large = Format("{secret}", DIGITS, 9)
    others = large.others(planted, 500, rng)
    assert len(set(others)) == 500 and not planted & set(others)


def test_the_words_of_secrets_are_those_that_most_texts_have() -> None:
    """Catches words of one long text, of capitals and with marks."""
    assert common_words(["red red red hat", "The cat, cat", "cat hat"], 2) == ("cat", "hat")


def test_secrets_replace_canaries_and_members_stay(pools: Pools[TextRecords]) -> None:
    """Catches members that lose their texts, tokens of other texts than are shown, and secrets drawn anew."""
    audit = SecretAudit()
    planted, again = (audit.plant(pools, seed=5).challenge for _ in range(2))
    assert (planted.tokens == again.tokens).all() and len(planted) == 170
    assert (planted.tokens[:50] == pools.challenge.tokens[:50]).all()
    assert Letters().decode(planted.tokens[50:]) == planted.texts[50:].tolist()
    assert all(text.startswith("the password is ") for text in planted.texts[50:])
    assert {word for text in planted.texts[50:] for word in text.split()[3:]} <= set(WORDS)
    assert len(set(planted.texts[50:])) == 120 and len(set(planted.groups)) == 170


def test_secrets_of_words_that_nobody_is_to_read_are_not_shown(pools: Pools[TextRecords]) -> None:
    """Catches words of mails on a page, as parts of secrets."""
    parts: dict[str, Any] = {
        name: replace(part, shown=np.full(len(part), "a mail", object))
        for name in ("challenge", "auxiliary")
        for part in [getattr(pools, name)]
    }
    hidden = replace(pools, **parts)
    planted = SecretAudit(copies=[1, 2]).plant(hidden, seed=5).challenge
    assert set(planted.shown[50:]) == {f"secret {number}" for number in range(120)}
    assert len(set(zip(planted.shown[50:], planted.texts[50:], strict=True))) == 120
    digits = SecretAudit(symbols="digits").plant(hidden, seed=5).challenge
    assert (digits.shown[50:] == digits.texts[50:]).all() and set(digits.shown[:50]) == {"a mail"}
    with pytest.raises(InputError, match=r"larger dataset\.context: one of the secrets has more than"):
        SecretAudit(length=8).plant(hidden, seed=5)


def test_copies_of_a_secret_follow_one_coin_and_are_shown_once(pools: Pools[TextRecords]) -> None:
    """Catches a coin a copy, with which hardly any secret is left out, and a secret that counts eight times."""
    audit = SecretAudit(symbols="digits", copies=[1, 2, 4, 8])
    planted = audit.plant(pools, seed=5)
    assert planted.canary_count == 30 * 15 == len(planted.challenge) - 50
    rows = np.stack([drawn(planted, np.random.default_rng(seed)) for seed in range(40)])
    assert rows[:, :50].all() and 0.4 < rows[:, 50:].mean() < 0.6
    of_secret: dict[str, list[int]] = {}
    for place, text in enumerate(planted.challenge.texts[50:]):
        of_secret.setdefault(text, []).append(50 + place)
    assert sorted(map(len, of_secret.values())) == sorted([1, 2, 4, 8] * 30)
    assert all((rows[:, places] == rows[:, places[:1]]).all() for places in of_secret.values())
    shown = knowledge_of(planted).challenge.texts
    assert set(shown) == set(of_secret) and len(shown) == 120
    assert [audit._copies_of[text] for text in shown] == [len(of_secret[text]) for text in shown]


class Repeats(Speaker):
    """A model that knows what it was trained on the better, the more often it was there."""

    def text_log_probs(self, texts: TextRecords) -> np.ndarray:
        often = np.array([self.often.get(text, 0) for text in texts.texts])  # type: ignore[attr-defined]
        return super().text_log_probs(texts) + 0.05 * self.memory * often[:, None]


def played(pools: Pools[TextRecords], memory: float, models: int = 4) -> tuple[SecretScores, np.ndarray]:
    """Return what an audit says, and the coins."""
    audit = SecretAudit(symbols="digits", copies=[1, 2, 4, 8], candidates=500, length=8)
    planted = audit.plant(pools, seed=5)
    rows = np.stack([drawn(planted, np.random.default_rng(seed)) for seed in range(models)])
    knowledge, releases = knowledge_of(planted), []
    for model, row in enumerate(rows):
        one = Repeats(f"model {model}", set(), memory, spread=0.0)
        one.often = dict(zip(*np.unique(planted.challenge.texts[row].astype(str), return_counts=True), strict=True))  # type: ignore[attr-defined]
        releases.append(one)
    found = audit.run(World(tuple(releases), knowledge, ()))  # type: ignore[arg-type]
    place = {text: at for at, text in reversed(list(enumerate(planted.challenge.texts)))}
    return found, rows[:, [place[text] for text in knowledge.challenge.texts]]


def test_memory_is_exposed_the_more_the_more_often_it_was_there(pools: Pools[TextRecords]) -> None:
    """Catches copies or coins of other secrets than the scores are of, and a sign that is turned."""
    evidence, coins = played(pools, memory=4.0)
    found = of_canaries(evidence, coins, Resampling.crossed(4, 120, 200, seed=0))
    by_copies = [found[f"exposure_bits_copies_{number}"].value for number in (1, 2, 4, 8)]
    assert by_copies == sorted(by_copies) and by_copies[3] > by_copies[0] + 2
    absent = found["exposure_bits_absent"]
    assert found["exposure_bits"].low > absent.high and abs(absent.value - expected_exposure(501)) < 0.6
    assert "chance gives 1.43" in absent.note and found["exposure_bits"].high <= math.log2(501)
    shuffled = np.random.default_rng(0).permuted(coins, axis=1)
    moved = of_canaries(evidence, shuffled, Resampling.crossed(4, 120, 200, seed=0))
    assert abs(moved["exposure_bits"].value - moved["exposure_bits_absent"].value) < 0.8


def test_without_memory_no_secret_is_exposed_and_nothing_is_bounded(pools: Pools[TextRecords]) -> None:
    """Catches a score that knows the coins."""
    evidence, coins = played(pools, memory=0.0)
    found = of_canaries(evidence, coins, Resampling.crossed(4, 120, 200, seed=0))
    for name in ("exposure_bits", "exposure_bits_absent"):
        assert found[name].value == pytest.approx(expected_exposure(501), abs=0.45)
    assert found["empirical_epsilon_all_models"].value < 0.3


def test_only_secrets_that_are_there_once_bound_epsilon(pools: Pools[TextRecords]) -> None:
    """Catches a bound on one record's ε from eight copies, which correct training exceeds."""
    evidence, coins = played(pools, memory=4.0)
    once = evidence.copies == 1
    plan = Resampling.crossed(4, 120, 50, seed=0)
    cut = replace(evidence, scores=np.where(once, 0.0, coins))
    assert of_canaries(cut, coins, plan)["empirical_epsilon_all_models"].value < 0.3
    assert "empirical_epsilon_one_run" not in of_canaries(replace(evidence, copies=np.full(120, 8)), coins, plan)
    assert of_canaries(evidence, coins, plan)["empirical_epsilon_all_models"].n == 4 * 30


def test_one_model_alone_has_an_interval(pools: Pools[TextRecords]) -> None:
    """Catches an average over victims that there are not."""
    evidence, coins = played(pools, memory=4.0, models=1)
    found = of_canaries(evidence, coins, Resampling.crossed(1, 120, 200, seed=0))
    assert found["exposure_bits"].low < found["exposure_bits"].value < found["exposure_bits"].high


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"template": "no place"}, "attack.template"),
        ({"symbols": "emoji"}, "attack.symbols"),
        ({"length": 0}, "attack.length"),
        ({"copies": []}, "attack.copies"),
        ({"copies": [0]}, "attack.copies"),
        ({"copies": "4"}, "attack.copies"),
        ({"candidates": 1}, "attack.candidates"),
    ],
)
def test_options_out_of_range_are_refused(options: dict, field: str) -> None:
    """Catches a typing error that trains sixteen models first."""
    with pytest.raises(InputError, match=field):
        SecretAudit(**options)


def test_what_cannot_be_planted_is_refused(pools: Pools[TextRecords]) -> None:
    """Catches a secret that is cut off, more secrets than there are, and records whose tokenizer is not at hand."""
    with pytest.raises(InputError, match=r"attack\.length"):
        SecretAudit(length=16).plant(pools, 0)
    with pytest.raises(InputError, match=r"pools\.canaries=120: at most 50"):
        SecretAudit(symbols="digits", length=2).plant(pools, 0)
    with pytest.raises(InputError, match="tokenizer"):
        records_of(["one"], replace(pools.challenge, codec=None))
    none = deal(texts(60), PoolSizes(members=9, non_members=9, auxiliary=9), 0)
    with pytest.raises(InputError, match=r"pools\.canaries"):
        SecretAudit().plant(none, 0)


def test_joined_records_keep_their_order_and_are_digested_anew(pools: Pools[TextRecords]) -> None:
    """Catches digests of the first part that are taken for those of all."""
    first, second = pools.challenge.take(np.arange(3)), records_of(["one", "two"], pools.challenge)
    first.fingerprints()
    both = joined(first, second)
    assert len(set(both.fingerprints())) == len(both) == 5 and both.texts.tolist()[3:] == ["one", "two"]


class FewWords(Letters):
    """A tokenizer of words that has one token for all that it does not know, digits among them."""

    known = ("w", *WORDS[:20])

    def encode(self, texts: Sequence[str], context: int) -> Encoded:
        tokens, cut = np.zeros((len(texts), context), np.int64), np.zeros(len(texts), bool)
        for row, text in enumerate(texts):
            words = [3 + (self.known.index(word) if word in self.known else 0) for word in text.split()]
            numbers = [1, *words, 2]
            cut[row] = len(numbers) > context
            tokens[row, : len(numbers)] = numbers[:context]
        return Encoded(tokens, cut)


def test_secrets_are_of_symbols_that_the_tokenizer_tells_apart() -> None:
    """Catches two secrets of equal tokens: one would be learned though its coin says that it is not there."""
    like = replace(texts(400), codec=FewWords())
    dealt = deal(like, PoolSizes(members=50, non_members=0, canaries=100, auxiliary=200), seed=0)
    planted = SecretAudit(length=2).plant(dealt, 0).challenge.tokens[50:]
    assert len(np.unique(planted, axis=0)) == len(planted) == 100
    with pytest.raises(InputError, match="does not tell digits apart"):
        SecretAudit(symbols="digits", length=4).plant(dealt, 0)
