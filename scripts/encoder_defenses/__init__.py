"""Defences on encoders: what each leaves of extraction, of membership, and of the encoder's use."""
