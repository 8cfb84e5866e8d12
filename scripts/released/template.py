"""The text of docs/released_models.md, around what was measured."""

TEMPLATE = """# Models that others released

Written by `make audit-released`. Question: does a molecular property model, published with its weights, tell which
molecules it was trained on? Nothing here was trained for the purpose: the {models} models are chemprop networks of
[datagrok-ai/admetica](https://github.com/datagrok-ai/admetica) (MIT), trained and released by others.

**{summary}**

![AUC of three attacks on each model, beside its controls]({picture})

## What it means for who shares such a model

- {meaning}
- What is at stake is a table that is not public: an assay of one's own, a series before its patent, a supplier's list.
  That a public molecule is in a public table is no secret. Before weights that were trained on a private table leave
  the house, audit them: `attack=audit target=torch target.architecture=chemprop target.weights=model.safetensors`
  `dataset=smiles dataset.root=table.csv dataset.label=y dataset.members=member`.
- Long training on few molecules goes with it. AUC of plain error by training time (number of models): {by_epochs}.
  These are other tables too, so this is no experiment; but epochs are what an owner can change first. What bounds the
  leak, whatever the table, is training with differential privacy.
- Leave out of a checkpoint what an answer does not need, and do not split by a default seed. The stored mean of the
  targets is of the training rows: with the table in hand it says which of many splits was used (below).
- The attack needs the measured value beside the molecule. Whoever has no more than the structure has no such score.

## Plain error, all rows

Score: minus the absolute error of the model's prediction. No shadow model, no training, one prediction a molecule.
Members are the rows that the model was trained on; validation and test rows are the others. How that is known: below.

{plain}

TPR at 1 % is given where one in a hundred of the held-out rows is ten rows at least. *Occur once*: molecules that are
in one row of the table only. Brackets are 95 % intervals over molecules (rows of one molecule are drawn as one,
{replicates} replicates) for this model: they say nothing of a model trained anew.

## Every attack that needs no shadow model

`attack=audit`: 30 % of the held-out rows become the population, from which thresholds and regressions are learned;
they are not judged, nor are rows whose molecule is in another row too. RMIA compares the density of the true
value given the prediction with its density among predictions for the population (Zarifzadeh et al. 2024, without
reference models). Quantile regression predicts from the molecule and its value how small an error is usual (Bertran et
al. 2023), on the scale of logarithms, which was chosen on made-up data. A dash: fewer held-out rows than the attack
asks for.

{attacks}

Models by the attack with the largest AUC: {strongest}. What has to be learned from a few hundred
held-out rows costs more than it brings where a model knows its members' values nearly by heart.

The verdict is of the strongest attack, corrected for there being several, and asks for more than the detector without
the model, also among records that look alike to it. It does not use that the split was random.

{verdicts}

## Controls

- **Roles of other seeds**: the same predictions, with members drawn by the same random split under {others} other
  seeds. That is how plain error looks on rows that were dealt at random; p = share of seeds that reach its AUC, the
  model's own counted ({smallest} at the least).
- **Detector without the model**: it learns membership itself from Morgan fingerprints, the value and how wrong
  reference models of the value are, cross-fitted. Members were dealt at random, so it should find nothing. *Among
  alike*: plain error among records that look alike to it, less what the records alone let expect.
- **Same scaffold**: plain error only between members and others of one Bemis-Murcko scaffold, as a series may be easy
  as a whole. A duplicate of a member is a hard case here: where a table has a molecule on both sides, the model knows
  both rows.

{controls}

## Who was in, and how that is known

The released tables have no split. chemprop's default one is random, 80/10/10, seed 0; a checkpoint keeps mean and
scale of the *training* targets, and the training rows of seed 0 have them. Distance of the two means, in scales of the
target:

{oracle}

So the split is known, and would be to anyone: a stored scaler is an oracle of membership for whoever holds the table.
`solubility` was split together with two rows whose SMILES RDKit cannot read (9,982 in all). They count here and
nowhere else.

{shadows}{encoders}## Run it

`make audit-released RELEASED=FOLDER`, or `python -m scripts.audit_released --folder FOLDER`. FOLDER is a clone:

```console needs-network
$ git clone https://github.com/datagrok-ai/admetica
$ make audit-released RELEASED=admetica
```

Its checkpoints are read as tensors alone: of what else they hold nothing is run. Or FOLDER has a folder for each model
with `table.csv.gz` (smiles, y, role, prediction) and `model.json`. {machine}
"""

ENCODERS = """## Encoders that others released

Five encoders of Hu et al. (ICLR 2020; [snap-stanford/pretrain-gnns](https://github.com/snap-stanford/pretrain-gnns),
MIT): 2 million molecules of ZINC15 by context prediction, ChEMBL by supervision. Their weights are read by
`target.architecture=hu2020_gcn` (gin, graphsage, gat), with a fine-tuned head where there is one. They are rebuilt from
the paper; that they are theirs is shown by BatchNorm: it kept mean and variance of what each layer was given, and on
{molecules} molecules of MOSES, which are from ZINC too, the rebuilt layers are given the same.

{layers}

Correlations over the 300 features, the least of the layers; the next layer's means are what a wrong order would meet.
{exceptions}

**What cannot be said: who was a member.** Nobody knows record by record what they were trained on, and no shadow of
two million molecules was trained here. So the signals of `attack=embedding_membership` (uncalibrated) can only be asked
whether they tell {molecules} molecules of MOSES from {molecules} of MoleculeNet's lipophilicity table, and `molextract`
(Eq. (1), fixed α) whether its list has parts of {reference:,} MOSES molecules that the attacker does not have:

{attacks}

AUC: 0.5 = nothing; below it, MOSES has the lower score. Lists: share of the top K of {candidates:,} candidates (base
rate {base}). A detector that asks no encoder tells the two kinds of molecules with AUC {detector}; a list that asks
none, by how often a candidate is part of the attacker's own molecules, has {blind}.

**What can be said.** The AUC of a signal that is farthest from one half is {farthest} of a trained encoder and
{farthest_untrained} of an untrained one; the molecules themselves have {detector}. So what the signals tell apart is
two kinds of molecules, and a naive audit of two collections would call that a leak. Of the top {k} of trained encoders,
{trained} are parts of ZINC-like molecules, of untrained ones {untrained}: most encoders do know that chemistry,
but who holds a few thousand molecules of the kind has {blind_k} without asking. For whoever shares such an encoder:
nothing here shows a leak, and nothing here could have shown one. To know, pre-train shadow encoders on known halves of
the data: `attack=embedding_membership` ([what it finds](embedding_membership.md)).

"""

SHADOWS = """## With shadow models

The two smallest tables once more, beside {models} shadow models: chemprop's network with {hidden} in place of 300
units, for {epochs} epochs in place of hundreds, each on a random half of the rows judged (the models audited had four
of five), so neither as wide nor as long trained as what they stand for. The attacker holds the table and not the
split.

{attacks}

Largest AUC with shadow models: {with_shadows}; of plain error: {plain}. Shadow models that know their members less by
heart than the model audited say less of it than its own error does.

{verdicts}

"""
