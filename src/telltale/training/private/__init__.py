"""Differentially private training: Poisson samples, clipped gradients of single records, noise, accounting."""
