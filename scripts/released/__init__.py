"""Models that others released, audited with their own tables: what `scripts.audit_released` is made of."""
