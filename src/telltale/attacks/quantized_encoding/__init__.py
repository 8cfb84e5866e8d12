"""Data hidden so that it survives compression: a reconstruction of Xu et al., DAC 2020, from its abstract."""
