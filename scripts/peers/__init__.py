"""Other tools' own functions on our models' answers: who computes the same, who does not, and why.

python -m scripts.peers [--source leakpro=FOLDER privacy_guard=FOLDER privacy_meter=FOLDER tensorflow_privacy=FOLDER]

sacroml, jax_privacy and adversarial-robustness-toolbox come from the package index (extra `peers`); the others are
source only and are read from a checkout. Writes docs/peers.md; what is not at hand is said to be not run.
"""
