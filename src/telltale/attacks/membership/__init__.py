"""Membership inference against classifiers, calibrated by shadow models."""
