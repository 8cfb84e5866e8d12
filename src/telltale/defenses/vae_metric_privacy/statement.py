"""The guarantee of a synthetic data set in words and figures, for a person and for metrics.json."""

from __future__ import annotations

import math
from typing import Any

from telltale.defenses.vae_metric_privacy.synthesis import Synthesis, balanced_accuracy_bound

VACUOUS = 0.99  # a bound on balanced accuracy from which it says next to nothing


def guarantee(synthesis: Synthesis) -> dict[str, Any]:
    """State what is proven about a synthetic data set, as plain values; `holds` is False where nothing is.

    epsilon, unit, metric: of the noise on a code. worst_case: e of everything released about a record, no outcome is
    more than e^e times as likely for one record as for another; where nothing holds, what the noise alone would be
    worth. The bounds, of any attack's balanced accuracy and TPR - FPR, are None then; bound_by_e_alone is the plain
    (e^e + δ) / (1 + e^e), which knows nothing of the parts that e is the sum of.
    """
    mechanism, holds = synthesis.mechanism, synthesis.holds
    e, delta = synthesis.total if holds else synthesis.of_row
    bound = synthesis.bound if holds else None
    return {
        "statement": sentence(synthesis),
        "holds": holds,
        "mechanism": type(mechanism).__name__,
        "epsilon": mechanism.epsilon,
        "unit": mechanism.unit,
        "metric": mechanism.metric,
        "latent_width": synthesis.width,
        "clip_radius": mechanism.radius(synthesis.width),
        "worst_case": e,
        "worst_case_is": arithmetic(synthesis),
        "delta": delta,
        "balanced_accuracy_bound": bound,
        "tpr_minus_fpr_bound": None if bound is None else 2 * bound - 1,
        "bound_by_e_alone": balanced_accuracy_bound(e, delta) if holds else None,
        "labels": synthesis.labels.mode,
        "label_epsilon": synthesis.labels.epsilon,
        "copies": synthesis.copies,
        "train_on": synthesis.train_on,
        "protects": "one record replaced by another" + ("" if synthesis.labels.covered else " of the same label"),
        "does_not_cover": not_covered(synthesis) or None,
        "assumptions": assumptions(synthesis),
        "doubt": doubt(synthesis) or None,
    }


def sentence(synthesis: Synthesis) -> str:
    """Say in one sentence what is proven."""
    if math.isinf(synthesis.mechanism.epsilon):
        return "nothing is guaranteed: codes are decoded without noise (ε = ∞)"
    noise = f"ε = {synthesis.mechanism.epsilon:.4g} {synthesis.mechanism.unit}"
    if not synthesis.holds and synthesis.train_on == "private_dpsgd":
        return f"nothing is guaranteed: δ = {synthesis.total[1]:.3g} allows everything; lower vae_epsilon or a delta"
    if not synthesis.holds:
        return (
            "nothing is guaranteed: encoder and decoder were trained on the protected records. Were they fixed "
            f"beforehand, the noise would be worth {noise}, {arithmetic(synthesis)}"
        )
    at = f" at δ = {synthesis.total[1]:.3g}" if synthesis.total[1] else ""
    pair = "any two records" if synthesis.labels.covered else "any two records of the same label"
    limit = f"no attack tells one from the other with balanced accuracy above {synthesis.bound:.4g}"
    missing = f"; {not_covered(synthesis)}" if not_covered(synthesis) else ""
    return f"{noise}; {pair}: {arithmetic(synthesis)}{at}, so {limit}{missing}"


def arithmetic(synthesis: Synthesis) -> str:
    """Say where e comes from, term by term: "e = 1.8 = 0.8 (code: 2 R ε = 2 · 4 · 0.1) + 1 (label: ε_y)"."""
    copies, holds = synthesis.copies, synthesis.holds
    e, _ = synthesis.total if holds else synthesis.of_row
    times = "" if copies == 1 else f"{copies} copies of "
    terms = [f"{synthesis.of_codes[0]:.4g} (code: {times}{synthesis.mechanism.arithmetic(synthesis.width)})"]
    if synthesis.labels.covered:
        terms.append(f"{synthesis.of_labels:.4g} (label: {times}ε_y = {synthesis.labels.epsilon:.4g})")
    if holds and synthesis.train_on == "private_dpsgd":
        terms.append(f"{synthesis.of_networks[0]:.4g} (encoder and decoder: DP-SGD's ε twice, one record replaced)")
    return f"e = {e:.4g} = {' + '.join(terms)}" if len(terms) > 1 else f"e = {terms[0]}"


def not_covered(synthesis: Synthesis) -> str:
    """Say what the guarantee leaves out."""
    return "" if synthesis.labels.covered else "the label is copied and not covered"


def doubt(synthesis: Synthesis) -> str:
    """Say that a bound is empty; nothing where it is not."""
    if not synthesis.holds or synthesis.bound < VACUOUS:
        return ""
    e, networks = synthesis.total[0], synthesis.of_networks[0]
    said = f"the worst case e = {e:.4g} stops no attack (balanced accuracy up to {synthesis.bound:.4g})"
    if networks:
        return f"{said}: encoder and decoder alone may spend {networks:.4g} of it, however near two codes are"
    return f"{said}: what is left is protection among records of the same label whose codes are near each other"


def assumptions(synthesis: Synthesis) -> tuple[str, ...]:
    """Say all that the guarantee rests on."""
    networks = {
        "public": "encoder, decoder and all options were fixed without the protected records",
        "private": "void: encoder and decoder were trained on the protected records",
        "private_dpsgd": "encoder and decoder were trained on the protected records by DP-SGD, whose ε is counted in",
    }[synthesis.train_on]
    return (
        networks,
        "codes are means of the encoder, clipped to a radius that was not computed from the protected records, and "
        "distances are the encoder's: two different records may share a code",
        "a decoder that is told a label is told the released one",
        f"the number of records{' of each class' if synthesis.counts_public else ''} and of copies is public; rows are "
        "shuffled and none is chosen or dropped by looking at the protected records",
        "the seed, from which noise is drawn, stays secret and its generator is taken for random; real numbers: "
        "rounding is not accounted for. Good for research, not for a release",
        "only what is made of the synthetic rows is seen, not test figures or other runs on the same records",
    )
