"""Membership of a molecule or picture from query access to embeddings, calibrated by shadow encoders."""
