"""Measure everything that is said about speed and write docs/benchmarks.md: `make bench`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from scripts.bench import (
    caption_metrics,
    clever,
    command,
    featurisation,
    fleets,
    frozen_trunks,
    gpu,
    growth,
    mechanisms,
    metaclassifiers,
    molecules,
    own_tables,
    page,
    policies,
    private,
    purchases,
    quantizers,
    rankings,
    reruns,
    scoring,
    substructure,
    texts,
)
from scripts.ending import exit_code
from telltale.papers.grid_view import markdown

GPU = Path(__file__).with_name("gpu_measured.md")  # what `python -m scripts.bench.gpu` wrote on a machine with one
PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
KERNELS = "OPENBLAS_CORETYPE"  # forces NumPy's products onto older kernels; read where NumPy is loaded


def main() -> None:
    """Run the benchmarks one after the other; each section goes to the page as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, default=PAGE, help="whose other sections stay as they are")
    parser.add_argument("--only", choices=SECTIONS, nargs="+", default=[*SECTIONS], help="sections")
    options = parser.parse_args()
    if forced := os.environ.pop(KERNELS, None):
        print(f"{KERNELS}={forced} is left out", file=sys.stderr, flush=True)
        os.execv(sys.executable, sys.orig_argv)
    if len(options.only) > 1:
        sys.exit(one_by_one(options.only, options.page))
    (name,), order = options.only, page.ordered(SECTIONS)
    section = page.measured(name, SECTIONS[name])
    page.put(options.page, name, section, order)
    print(section, flush=True)
    if GPU.exists():
        page.put(options.page, "gpu", GPU.read_text(encoding="utf-8"), order)


def one_by_one(names: Sequence[str], file: Path) -> str | None:
    """Measure each section in a process of its own, which inherits no threads or memory; say which ones failed."""
    measure = [sys.executable, "-m", "scripts.bench", "--page", str(file.resolve()), "--only"]
    failed = [name for name in names if subprocess.run([*measure, name], check=False).returncode]
    return f"not measured, their sections stay as they were: {', '.join(failed)}" if failed else None


def truth_matching() -> str:
    """Compare the search for candidates in training molecules with the scans it replaces."""
    measured = _told("truth matching", partial(substructure.measure, repeats=1))
    rows = [
        [name, f"{one['seconds']:.2f} s", f"{one['ratio']:.1f}", "yes" if one["identical"] else "NO"]
        for name, one in measured["methods"].items()
    ]
    share = (
        f"{measured['miss_share']:.0%} of the candidates are misses; index built in {measured['build_seconds']:.1f} s."
    )
    table = _table(["20,000 molecules × 1,000 candidates", "time", "times ours", "same answers"], rows)
    return f"## Truth matching\n\nIs a candidate part of any training molecule? {share}\n\n{table}\n"


def features() -> str:
    """Compare a first start's featurisation with a later one's."""
    measured = _told("featurisation", featurisation.measure)
    rows = [
        ["first start", f"{measured['first_seconds']:.2f} s", ""],
        ["from the cache", f"{measured['later_seconds']:.3f} s", f"{measured['ratio']:.0f} times faster"],
    ]
    return f"## Graphs of {measured['molecules']:,} molecules\n\n{_table(['', 'time', ''], rows)}\n"


def commands() -> str:
    """Time start-up."""
    rows = [
        ["`python -m src.run --help`", f"{command.start_up(['--help']):.2f} s"],
        ["`python -m src.run --cfg job`", f"{command.start_up(['--cfg', 'job']):.2f} s"],
    ]
    return f"## The command\n\n{_table(['', ''], rows)}\n"


def fleet() -> str:
    """Compare fleets with training one model after the other."""
    one = _told("fleets of shadow models", fleets.shadow_models)
    few = f"peers on {one['peers']} models each"
    rows = _way_rows(one["ways"])
    text = (
        f"{one['models']} shadow models, tables of Purchase-100's shape ({purchases.PRODUCTS} binary features, "
        f"{purchases.WIDTH} hidden, {purchases.GROUPS} classes), {purchases.MEMBERS:,} records, "
        f"{purchases.EPOCHS} epochs of batches of {purchases.BATCH}; made-up clusters, as the set "
        f"itself may not be passed on; {few}, "
        f"{one['repeats']} repeats in turn, median of ratios; {fleets.THREADS} threads."
    )
    cnn = _told("fleets of small convolutional networks", fleets.small_cnns)
    heads = ["", "seconds a model", "times ours", "test accuracy"]
    return (
        f"## Fleets\n\n{text}\n\n{_table(heads, rows)}\n\n"
        f"8 small convolutional networks (`model=cnn`, `scale=small`) on 28 × 28 pictures, one by one by the rule:"
        f"\n\n{_table(heads, _way_rows(cnn))}\n"
    )


def scores() -> str:
    """Compare the vectorised likelihood ratio with loops; time the bootstrap."""
    lira = _told("LiRA's likelihood ratio", scoring.likelihood_ratios)
    rows = [
        [name, f"{way['seconds']:.3f} s", f"{way['ratio']:.0f}", f"{way['difference']:.0e}"]
        for name, way in lira["ways"].items()
    ]
    roc = _told("the bootstrap of a ROC curve", scoring.bootstrap)
    head = [f"{lira['models']} models × {lira['points']:,} points", "time", "times ours", "largest difference"]
    return (
        f"## Scores\n\nLiRA's likelihood ratio; loops timed on {lira['looped']:,} points.\n\n{_table(head, rows)}\n\n"
        f"{roc['replicates']:,} bootstrap replicates of the AUC, TPRs and ROC curve of {roc['points']:,} scores: "
        f"{roc['seconds']:.1f} s.\n"
    )


def networks_of_tmi() -> str:
    """Compare TMI's metaclassifiers as one batch with a loop over them."""
    one = _told("TMI's metaclassifiers", metaclassifiers.measure)
    rows = [[name, f"{way['seconds']:.2f} s", f"{way['ratio']:.1f}"] for name, way in one["ways"].items()]
    head = [f"{metaclassifiers.NETWORKS:,} networks × {metaclassifiers.ROWS} rows × {metaclassifiers.CLASSES} classes"]
    (first, last), (first_loop, last_loop) = one["batch"], one["loop"]
    return (
        f"## TMI's metaclassifiers\n\nThe authors' settings, 20 epochs of batches of 64; loops timed on "
        f"{one['looped']} networks; {one['threads']} threads.\n\n{_table([*head, 'time', 'times ours'], rows)}\n\n"
        f"Mean training loss of {one['networks']} networks in the first and the last epoch: {first:.4f} and {last:.4f} "
        f"as one batch, {first_loop:.4f} and {last_loop:.4f} one by one, initial weights and dropout drawn anew; the "
        f"curves lie at most {one['gap']:.1f} standard errors apart.\n"
    )


def private_steps() -> str:
    """Compare a step of private training with Opacus's ways of computing the same."""
    parts = []
    for network in private.NETWORKS:
        measured = _told(f"private steps of the {network}", partial(private.steps, network))
        rows = [[name, f"{1000 * way['seconds']:.1f} ms", f"{way['ratio']:.2f}"] for name, way in measured.items()]
        parts.append(_table([f"{network}, 64 pictures of 28 × 28", "time of a step", "times ours"], rows))
    tables = "\n\n".join(parts)
    return (
        "## DP-SGD\n\nA whole step: clipped sums, noise, optimiser; ways take turns, medians of ratios; "
        f"{fleets.THREADS} threads. Ours is the mode that `defense.mode=auto` takes.\n\n{tables}\n"
    )


def quantization() -> str:
    """Time the quantizers, and compare k-means with scikit-learn's."""
    large = _told("quantizers of ten million weights", quantizers.large)
    pair = _told("k-means against scikit-learn's", quantizers.against_scikit_learn)
    said = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in large["seconds"].items())
    rows = [
        [name, f"{way['seconds']:.3f} s", f"{way['ratio']:.1f}", f"{way['error']:.4e}"]
        for name, way in pair["ways"].items()
    ]
    table = _table([f"{pair['weights']:,} weights, {2 ** pair['bits']} levels", "time", "times ours", "error"], rows)
    return f"## Quantizers\n\n{large['weights']:,} weights at {large['bits']} bits: {said}.\n\n{table}\n"


def captions() -> str:
    """Compare BLEU and ROUGE of all captions at once with loops over them."""
    measured = _told("caption metrics", caption_metrics.measure)
    pairs = measured.pop("pairs")
    rows = [
        [what, name, f"{way['seconds']:.3f} s", f"{way['ratio']:.1f}", f"{way['difference']:.0e}"]
        for what, ways in measured.items()
        for name, way in ways.items()
    ]
    head = [f"{pairs:,} pairs of captions", "", "time", "times ours", "largest difference"]
    return f"## Caption metrics\n\n{_table(head, rows)}\n"


def trunks() -> str:
    """Compare pictures that go through a frozen trunk once with those that do so in each epoch."""
    measured = _told("frozen trunks", frozen_trunks.measure)
    rows = [
        ["once, features kept", f"{measured['trunk']:.1f} s", "1.0"],
        ["in each epoch", f"{measured['epochs'] * measured['trunk']:.1f} s", f"{measured['ratio']:.1f}"],
    ]
    told = (
        f"A captioner on EfficientNet-Lite0, {measured['pictures']} pictures, {measured['epochs']} epochs: what is "
        f"trained takes {measured['training']:.1f} s in all. The second row is the first's pass times epochs. Another "
        "model of the same pictures, and every later run, skips the pass."
    )
    table = _table(["pictures go through the trunk", "time there", "whole training, times ours"], rows)
    return f"## Frozen trunks\n\n{told}\n\n{table}\n"


def noise_on_codes() -> str:
    """Time the mechanisms on latent codes, and compare von Mises-Fisher with SciPy's."""
    many = _told("mechanisms on latent codes", mechanisms.draws)
    pair = _told("von Mises-Fisher noise against SciPy's", mechanisms.against_scipy)
    said = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in many["seconds"].items())
    rows = [
        [
            name,
            f"{way['microseconds']:.2f} µs",
            f"{way['ratio']:.0f}",
            f"{way['mean']:.4f} ± {way['error']:.4f}",
            f"{way['deviation']:.4f}",
        ]
        for name, way in pair["ways"].items()
    ]
    head = [
        f"vMF, n = {pair['width']}, κ = {pair['kappa']:g}",
        "time a record",
        "times ours",
        "mean cosine",
        "deviation",
    ]
    return (
        f"## Noise on latent codes\n\n{many['records']:,} draws in {many['width']} dimensions, clipping included: "
        f"{said}.\n\n{_table(head, rows)}\n\nOurs on {pair['records']:,} records at once, SciPy's loop on "
        f"{pair['looped']:,}. The exact mean cosine is {pair['exact']:.4f}.\n"
    )


def _way_rows(ways: dict[str, dict[str, float]]) -> list[list[str]]:
    return [
        [name, f"{way['seconds']:.3f} s", f"{way['ratio']:.1f}", f"{way['accuracy']:.1%}"] for name, way in ways.items()
    ]


def _told(name: str, measure: Callable[[], dict]) -> dict:
    print(f"measuring {name} …", file=sys.stderr)
    return measure()


def _table(columns: list[str], rows: list[list[str]]) -> str:
    return markdown([columns, *rows])


SECTIONS = {
    "matching": truth_matching,
    "features": features,
    "tables": own_tables.section,
    "fleets": fleet,
    "in_memory": clever.short_fits,
    "in_memory_long": clever.long_fits,
    "limit": clever.limit,
    "small_cnns": clever.pictures,
    "ways": gpu.on_cpu,
    "molecules": molecules.section,
    "rankings": rankings.section,
    "scores": scores,
    "metaclassifiers": networks_of_tmi,
    "private": private_steps,
    "quantizers": quantization,
    "captions": captions,
    "trunks": trunks,
    "texts": texts.section,
    "mechanisms": noise_on_codes,
    "command": commands,
    "reruns": reruns.section,
    "growth": growth.section,
    "policies": policies.section,
}

if __name__ == "__main__":
    raise SystemExit(exit_code(main))
