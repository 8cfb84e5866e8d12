"""M^4I: membership in the training set of a captioner, from the captions it writes (Hu et al., NeurIPS 2022)."""
