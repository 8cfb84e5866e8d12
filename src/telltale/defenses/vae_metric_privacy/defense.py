"""Training on synthetic twins (Yang et al. 2022): each record is encoded, perturbed and decoded before any training.

    x -> μ(x) -> clip to ‖z‖ ≤ R -> noise of a metric-private mechanism -> decoder -> x̃,   y -> ỹ

The model sees (x̃, ỹ) only. Where the noise is large the twins say little of their records; what is proven of that,
and where nothing is, `guarantee` says. The paper's own choices are not known to us: all of them are options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np

from telltale.checks import choice, number
from telltale.data.records import Records
from telltale.data.seeds import derive, generator
from telltale.defenses.dp_sgd import DPSGD
from telltale.defenses.vae_metric_privacy import statement
from telltale.defenses.vae_metric_privacy.autoencoder import Autoencoder, slices
from telltale.defenses.vae_metric_privacy.labels import Labels
from telltale.defenses.vae_metric_privacy.mechanism import Mechanism
from telltale.defenses.vae_metric_privacy.networks import DECODINGS, Networks, discretised, rebuilt
from telltale.defenses.vae_metric_privacy.synthesis import TRAIN_ON, Synthesis, require_within
from telltale.errors import InputError
from telltale.objectives.variational import Variational
from telltale.owner.defense import Defense, ProtectedRecipe, Stage, Trained, Trainer
from telltale.owner.recipe import Recipe
from telltale.store.store import Store
from telltale.training.private.accountant import epsilon_of

LABEL_MODES = ("none", "conditional", "per_class")


@dataclass(frozen=True)
class VaeMetricPrivacy(Defense):
    """Trains every model on noised reconstructions of its records, by an autoencoder and a mechanism.

        mechanism       noise on the codes
        train_on        public = one autoencoder of the public records (pools.public, else auxiliary) for all models |
                        private = one of each model's own records, as the abstract reads | private_dpsgd = the same by
                        DP-SGD
        label_mode      none = the autoencoder knows no label | conditional = encoder and decoder are told it |
                        per_class = one autoencoder a class
        copies          twins of each record
        budget          the most that everything released about one record may spend (`Synthesis.total`), None = any
        decode          soft | round | sample: how binary and one-hot features are read off
        vae_epsilon     ε of train_on=private_dpsgd
        vae_delta       δ, the same
        vae_clip        L2 norm that a record's gradient is cut to, the same
        public_records  as in DPSGD, the same
        vae             options of the autoencoder
        labels          how labels are released

    Raises InputError for a word that there is not, for copies that pass the budget, and for options that would void
    the guarantee they ask for.
    """

    stage: ClassVar[Stage] = "data"
    publishes: ClassVar[bool] = True
    mechanism: Mechanism
    train_on: str = "public"
    label_mode: str = "none"
    copies: int = 1
    budget: float | None = None
    decode: str = "soft"
    vae_epsilon: float = 8.0
    vae_delta: float = 1e-5
    vae_clip: float = 1.0
    public_records: int | None = None
    vae: Autoencoder = field(default_factory=Autoencoder)
    labels: Labels = field(default_factory=Labels)

    def __post_init__(self) -> None:
        choice("defense.train_on", self.train_on, TRAIN_ON)
        choice("defense.label_mode", self.label_mode, LABEL_MODES)
        choice("defense.decode", self.decode, DECODINGS)
        if self.train_on == "private_dpsgd":
            self._check_private()
        require_within(self.budget, self.synthesis())

    def _check_private(self) -> None:
        number("defense.vae_epsilon", self.vae_epsilon, above=0)
        number("defense.vae_delta", self.vae_delta, above=0, below=1, expected="between 0 and 1")
        number("defense.vae_clip", self.vae_clip, above=0)
        if self.label_mode == "per_class" and self.labels.covered:
            expected = "none or conditional: which autoencoders there are, and how long they trained, tells the labels"
            raise InputError("defense.label_mode", self.label_mode, expected)

    def with_public_records(self, number: int) -> VaeMetricPrivacy:
        """Return the defence whose private training counts with this number. Raises InputError for one VAE a class."""
        if self.train_on != "private_dpsgd" or self.public_records:
            return self
        if self.label_mode == "per_class":
            expected = "none or conditional: each class has a number of records of its own, which is no public one"
            raise InputError("defense.label_mode", self.label_mode, expected)
        return replace(self, public_records=number)

    def synthesis(self, classes: int = 0, spent: float | None = None) -> Synthesis:
        """Return what the guarantee rests on; spent: ε of the autoencoder's DP-SGD, None = what it may spend."""
        private = self.train_on == "private_dpsgd"
        vae = (self.vae_epsilon if spent is None else spent, self.vae_delta) if private else None
        width = self.vae.latent_dim
        by_class = private and self.label_mode == "per_class"
        return Synthesis(self.mechanism, self.labels, width, classes, self.copies, self.train_on, vae, by_class)

    def document(self) -> dict[str, Any]:
        """Describe all that changes the twins; what is not used changes none."""
        unused = () if self.train_on == "private_dpsgd" else ("vae_epsilon", "vae_delta", "vae_clip", "public_records")
        options = {name: value for name, value in asdict(self).items() if name not in (*unused, "budget")}
        options["mechanism"]["_target_"] = f"{type(self.mechanism).__module__}.{type(self.mechanism).__qualname__}"
        return {"_target_": f"{type(self).__module__}.{type(self).__qualname__}", **options}

    def check(self, recipe: ProtectedRecipe) -> None:
        """Refuse a transfer, and a mechanism that cannot work in so few dimensions."""
        if recipe.start is not None:
            raise InputError(
                "defense", "vae_metric_privacy", "makes records of one data set; use objective=classification"
            )

    def check_records(self, recipe: ProtectedRecipe, number: int) -> None:
        """Refuse records without an autoencoder, and options that it cannot be trained with."""
        public: Any = recipe.public
        slices(public)
        self._check_labels(public)
        autoencoder = self._recipe(recipe, public)
        autoencoder.check()
        autoencoder.initial()
        for code in autoencoder.stages:
            code.check_records(autoencoder, number)

    def _check_labels(self, public: Any) -> None:
        if self.label_mode == "none":
            return
        labels = getattr(public, "labels", None)
        if labels is None or len(public.classes) < 2:
            expected = f"none: {public.source} has no labels for an autoencoder to be told"
            raise InputError("defense.label_mode", self.label_mode, expected)
        missing = sorted(set(range(len(public.classes))) - set(labels.tolist()))
        if self.label_mode == "per_class" and self.train_on == "public" and missing:
            expected = f"none or conditional: no public record is of class {public.classes[missing[0]]}"
            raise InputError("defense.label_mode", self.label_mode, expected)

    def of_models(
        self,
        owner: Trainer,
        recipe: ProtectedRecipe,
        pool: Any,
        members: np.ndarray,
        seeds: Sequence[int],
        names: Sequence[str],
    ) -> Sequence[Defense]:
        """Have the autoencoders trained, or found: as a fleet where each model has its own."""
        autoencoder = self._recipe(recipe, pool)
        if self.train_on == "public":
            public: Any = recipe.public
            # the same public records, the same autoencoder, whoever is protected by it
            seed = derive(0, f"public VAE of {np.sort(public.fingerprints()).tobytes().hex()}")
            every_record = np.ones((1, len(public)), bool)
            entries = self._trained(owner, autoencoder, public, every_record, [seed], ["public VAE"])
            return [Twins(self, autoencoder, owner.store, entries[0])] * len(seeds)
        seeds_of_vaes, names_of_vaes = [derive(seed, "VAE") for seed in seeds], [f"{name} (VAE)" for name in names]
        entries = self._trained(owner, autoencoder, pool, members, seeds_of_vaes, names_of_vaes)
        return [Twins(self, autoencoder, owner.store, entry) for entry in entries]

    def _recipe(self, recipe: ProtectedRecipe, records: Any) -> Recipe:
        code = (self._dp_sgd,) if self.train_on == "private_dpsgd" else ()
        classes = len(records.classes) if self.label_mode == "conditional" else 0
        return self.vae.recipe(recipe.trainer, records, classes, code)

    @property
    def _dp_sgd(self) -> DPSGD:
        private = DPSGD(self.vae_epsilon, None, self.vae_delta, self.vae_clip)
        return private if self.public_records is None else replace(private, public_records=self.public_records)

    def _trained(
        self,
        owner: Trainer,
        autoencoder: Recipe,
        pool: Any,
        members: np.ndarray,
        seeds: Sequence[int],
        names: Sequence[str],
    ) -> list[tuple[str | None, ...]]:
        """Return each model's entries of the store: one, or one a class and None where it has no record of it."""
        if self.label_mode != "per_class":
            return [(release.entry,) for release in owner.train_many(autoencoder, pool, members, seeds, names)]
        classes = range(len(pool.classes))
        tables = [row & (pool.labels == label) for row in members for label in classes]
        places = [place for place, table in enumerate(tables) if table.any()]
        seeds_of_classes = [derive(seed, "class", label) for seed in seeds for label in classes]
        names_of_classes = [f"{name}, {pool.classes[label]}" for name in names for label in classes]
        releases = owner.train_many(
            autoencoder,
            pool,
            np.stack([tables[place] for place in places]),
            [seeds_of_classes[place] for place in places],
            [names_of_classes[place] for place in places],
        )
        entries: list[str | None] = [None] * len(tables)
        for place, release in zip(places, releases, strict=True):
            entries[place] = release.entry
        return [tuple(entries[start : start + len(classes)]) for start in range(0, len(entries), len(classes))]

    def records(self, records: Records, seed: int) -> Records:
        """Refuse: only what `of_models` returns has an autoencoder."""
        raise TypeError("twins are made by what of_models returns")

    def guarantee(self, trained: Trained) -> dict[str, Any] | None:
        """State what is proven, or that nothing is; an autoencoder trained by DP-SGD counts with what it has spent."""
        ledgers = [source["ledger"] for source in trained.sources if source]
        spent = [
            epsilon_of(ledger["sigma"], ledger["rate"], ledger["steps"], self.vae_delta, self._dp_sgd.accountant)
            for ledger in ledgers
        ]
        return statement.guarantee(self.synthesis(trained.classes, max(spent, default=None)))


@dataclass(frozen=True)
class Twins(Defense):
    """The defence as it is for one model: `entries` are its trained autoencoders, one, or one a class (None = none).

    recipe: that they were trained by; store: where they lie. One record's noise derives from the model's seed and its
    place among the model's records, sorted by digest; the rows go out shuffled by that seed.
    """

    stage: ClassVar[Stage] = "data"
    publishes: ClassVar[bool] = True
    keeps_order: ClassVar[bool] = True
    options: VaeMetricPrivacy
    recipe: Recipe
    store: Store
    entries: tuple[str | None, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """Name the autoencoders' entries."""
        return tuple(entry for entry in self.entries if entry is not None)

    def detached(self) -> Self:
        """Return the same for another process."""
        return replace(self, recipe=self.recipe.detached(), store=self.store.detached())

    def document(self) -> dict[str, Any]:
        """Describe the defence, and name the autoencoders: whose keys say what they were trained on."""
        return {**self.options.document(), "made_by": list(self.entries)}

    def guarantee(self, trained: Any) -> dict[str, Any] | None:
        """State what the options prove."""
        return self.options.guarantee(trained)

    def records(self, records: Any, seed: int) -> Records:
        """Make the twins, as many copies of each record as the options say."""
        ordered, networks = records.take(np.argsort(records.fingerprints(), kind="stable")), self.networks()
        codes = networks.codes(ordered)
        seeds = [derive(seed, "copy", copy) for copy in range(self.options.copies)]
        copies = [self._copy(networks, ordered, codes, seed_of_copy) for seed_of_copy in seeds]
        inputs, labels = (np.concatenate(column) for column in zip(*copies, strict=True))
        order = generator(seed, "order of the rows").permutation(len(labels))
        return rebuilt(ordered, inputs[order], labels[order])

    def examples(self, records: Any, seed: int, number: int) -> dict[str, Any]:
        """Return the first records, what the autoencoder makes of them without any noise, and their twins."""
        ordered, networks = records.take(np.argsort(records.fingerprints(), kind="stable")), self.networks()
        codes, few = networks.codes(ordered), ordered.take(np.arange(min(number, len(ordered))))
        twins = self._copy(networks, ordered, codes, derive(seed, "copy", 0))[0]
        plain = networks.means(few, codes[: len(few)], few.labels)
        return {
            "original": few,
            "reconstruction": rebuilt(few, plain, few.labels),
            "twin": rebuilt(few, twins[: len(few)], few.labels),
        }

    def measured(self, records: Any) -> dict[str, float]:
        """Return the share of the records' codes that are longer than R."""
        return {"clipped_share": self.options.mechanism.clipped_share(self.networks().codes(records))}

    def networks(self) -> Networks:
        """Load the autoencoders from the store."""
        loaded = [None if entry is None else self._loaded(entry) for entry in self.entries]
        return Networks(tuple(loaded), self.options.vae.latent_dim)

    def _copy(self, networks: Networks, records: Any, codes: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        options = self.options
        labels = options.labels.perturb(records.labels, len(records.classes), seed)
        means = networks.means(records, options.mechanism.perturb(codes, seed), labels)
        return discretised(means, self.recipe.objective["likelihoods"], options.decode, seed), labels

    def _loaded(self, entry: str) -> Variational:
        loaded: Any = self.recipe.loaded(self.store.weights(entry, again=True), 0)
        return loaded.eval()
