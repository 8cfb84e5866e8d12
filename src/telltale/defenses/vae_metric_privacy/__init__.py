"""Training on synthetic twins: a VAE, noise on its latent codes, and what the noise proves (Yang et al. 2022)."""
