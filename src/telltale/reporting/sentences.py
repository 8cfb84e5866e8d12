"""What numbers come to, in words: the same on the console and on the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from telltale.evaluation.canary_audit import ALL_MODELS, F_DP_ALL_MODELS, F_DP_ONE_RUN, ONE_RUN, RETRAINED
from telltale.evaluation.comparison import LEVEL, Tests, standing
from telltale.evaluation.extraction import LeakageEstimate
from telltale.evaluation.secrets import ABSENT, EXPOSURE, by_copies
from telltale.evaluation.statistics import Estimate
from telltale.evaluation.trade_off_bound import FAMILY
from telltale.writing import counted

UNKNOWN = "not available"  # in place of a number, where its note begins so
COMPARED_BY = ("auc", "tpr_at_fpr_0.01")


def metric_title(name: str) -> str:
    """Return a metric's name as a person reads it.

    >>> metric_title("tpr_at_fpr_0.01")
    'TPR at 1 % FPR'
    >>> metric_title("exposure_bits_copies_4")
    'exposure in bits, copies 4'
    """
    stem, low_fpr, rate = name.rpartition("tpr_at_fpr_")
    if low_fpr:
        return f"{stem.replace('_', ' ')}TPR at {100 * float(rate):g} % FPR"
    if name.startswith("empirical_epsilon_"):
        return f"empirical ε, {name.removeprefix('empirical_epsilon_').replace('f_dp', 'f-DP').replace('_', ' ')}"
    if name.startswith(EXPOSURE):
        of = name.removeprefix(EXPOSURE).replace("_", " ").strip()
        return f"exposure in bits, {of}" if of else "exposure in bits"
    return "AUC" if name == "auc" else name.replace("_", " ")


def interval(estimate: Estimate | LeakageEstimate | None) -> str:
    """Return value and interval, a plain number without interval, "–" without value or what its note says of that.

    Ends have a third digit where two would hide that there is a width.

    >>> interval(LeakageEstimate(0.512, 0.483, 0.541, 100, "untrained"))
    '0.512 [0.48, 0.54]'
    >>> interval(LeakageEstimate(0.009, 0.005, 0.014, 100, "untrained"))
    '0.009 [0.005, 0.014]'
    """
    if estimate is None or math.isnan(estimate.value):
        return UNKNOWN if getattr(estimate, "note", "").startswith(UNKNOWN) else "–"
    value = f"{estimate.value:.3f}"
    if math.isnan(estimate.low):
        return f"{estimate.value:,.0f}" if float(estimate.value).is_integer() else value
    coarse = [round(end, 2) for end in (estimate.low, estimate.high)]
    hidden = not coarse[0] <= round(estimate.value, 3) <= coarse[1] or 0 < coarse[0] == coarse[1]
    digits = 3 if hidden else 2  # 0.009 [0.01, 0.01] would say nothing
    low, high = (f"{round(end, digits) + 0.0:.{digits}f}" for end in (estimate.low, estimate.high))  # no "-0.00"
    return f"{value} [{low}, {high}]"


def verdict(estimate: Estimate, chance: float = 0.5) -> str:
    """Return "leaks" (whole interval above chance), "no evidence", or "cannot tell" and why."""
    if estimate.note.startswith("cannot tell"):
        return estimate.note
    if math.isnan(estimate.low):
        return "cannot tell: no interval"
    return "leaks" if estimate.low > chance else "no evidence"


def leakage_sentence(leakage: LeakageEstimate) -> str:
    """Return the difference to the strongest control, its interval and what that says."""
    meaning = "above every control" if leakage.low > 0 else "not above the control"
    signed = ("+" if leakage.value >= 0 else "") + interval(
        LeakageEstimate(leakage.value, leakage.low, leakage.high, 0, "")
    )
    return f"{signed} over {leakage.control}: {meaning}"


def rivals_sentence(tests: Mapping[str, Tests], attack: str = "the attack") -> str:
    """Say which rivals an attack is better than, worse than or not told apart from; empty without rivals."""
    drawn = min((test.replicates for metrics in tests.values() for test in metrics.values()), default=0)
    needed = math.ceil(2 * len(tests) / LEVEL)  # so that the smallest p, 2 / (1 + replicates), stays below after Holm
    if 0 < drawn < needed:
        return f"whether {attack} is better cannot be told: {drawn} bootstrap replicates, {needed} needed"
    parts = []
    for metric in COMPARED_BY:
        rivals = standing(tests, metric)
        places = [f"better than {_listed(rivals.better)}"] if rivals.better else []
        places += [f"worse than {_listed(rivals.worse)}"] if rivals.worse else []
        places += [f"not told apart from {_listed(rivals.open)}"] if rivals.open else []
        if places:
            parts.append(f"by {metric_title(metric)}, {'; '.join(places)}")
    if not parts:
        return ""
    holm = f", Holm-corrected over {len(tests)} rivals for each metric" if len(tests) > 1 else ""
    how = "paired bootstrap" if drawn else "paired t-test over models"
    return f"{attack} is, {' – and '.join(parts)} ({how}, p < {LEVEL}{holm})"


def success_sentence(target: Mapping[str, float]) -> str:
    """Say how well the owner's own task is learned, training records beside test records where both are known.

    target: name -> value; `train_<name>` beside `<name>` are the same on training and on test records.
    """
    parts = []
    for name, value in target.items():
        if name.startswith("train_") and name.removeprefix("train_") in target:
            continue
        title, train = name.replace("_", " "), target.get(f"train_{name}")
        if train is None:
            parts.append(f"{title} {value:,.0f}" if value >= 1000 else f"{title} {value:.3f}")
        elif name.endswith("accuracy"):
            gap = f"gap {100 * (train - value):.1f} percentage points"
            parts.append(f"{title} {100 * train:.1f} % on training, {100 * value:.1f} % on test records ({gap})")
        else:
            parts.append(f"{title} {train:.3f} on training, {value:.3f} on test records")
    return "; ".join(parts)


def privacy_sentence(metrics: Mapping[str, Estimate], guarantee: Mapping[str, Any] | None) -> str:
    """Set the lower bounds on ε beside what the accountant promises; empty where nothing was audited."""
    titles = {ONE_RUN: "one model", ALL_MODELS: "all models side by side", RETRAINED: "one canary, retrained models"}
    titles |= {F_DP_ONE_RUN: "one model, f-DP", F_DP_ALL_MODELS: "all models, f-DP"}
    bounds = [f"{metrics[name].value:.2f} ({title})" for name, title in titles.items() if name in metrics]
    if not bounds:
        return ""
    epsilon = guarantee.get("epsilon") if guarantee else None
    promised = "no accountant speaks for it"
    if guarantee and "worst_case" in guarantee:  # noise by distance, for one record replaced
        promised = f"nothing to compare with: canaries are added or left out, guaranteed is {guarantee['protects']}"
    elif guarantee and epsilon is not None:
        promised = f"the accountant's ε is {epsilon:.2f} at δ = {guarantee['delta']:g}"
        if any(metrics[name].value > epsilon for name in titles if name in metrics):
            promised += ", and exceeded: of correctly counted training that is seen in at most 5 % of runs"
            promised += " (by f-DP too, where its family holds)" if F_DP_ONE_RUN in metrics else ""
    family = f" (f-DP under {FAMILY})" if F_DP_ONE_RUN in metrics else ""
    return f"empirical ε: lower bound {_listed(bounds)} at 95 % each{family}; {promised}"


def exposure_sentence(metrics: Mapping[str, Estimate]) -> str:
    """Say how exposed planted secrets are, beside those that were left out; empty where there are none."""
    if EXPOSURE not in metrics:
        return ""
    put_in, absent = metrics[EXPOSURE], metrics[ABSENT]
    each = [f"{interval(metrics[name])} ({counted(number, 'copy', 'copies')})" for number, name in by_copies(metrics)]
    repeated = f": {', '.join(each)}" if each else ""
    return (
        f"exposure of planted secrets {interval(put_in)} bits{repeated}; of those left out {interval(absent)} "
        f"({absent.note}; {put_in.note})"
    )


def data_sentence(data: Mapping[str, Estimate]) -> str:
    """Say what captioned pictures can carry, by `caption_limits.carried`; empty where nothing is known of that."""
    titles = {
        "rouge_l_oracle": "the best member's caption, picked with the answer in hand",
        "rouge_l_random": "any member's",
        "rouge_l_person": "one true caption against the others",
    }
    shown = [f"{title} {interval(data[name])}" for name, title in titles.items() if name in data]
    if not shown:
        return ""
    if "rouge_l_person" not in data:
        shown.append("of one caption a picture there is no other to compare with")
    seen = f"{interval(data['words_seen'])} of the words of non-members' captions are in a member's"
    return f"what these captions allow, whoever attacks: {seen}; ROUGE-L of {'; '.join(shown)}"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
