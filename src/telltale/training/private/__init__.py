"""Differentially private training: Poisson samples, clipped gradients of single records, noise, accounting.

The files, in the order of a fit:

    privacy                          what a recipe asks for, and the plan that follows: rate, steps, σ
    accountant                       from σ to ε and back
    settle, self_test                what is tested before a fit begins
    sampling                         each step's records
    modes                            the ways to clip gradients of single records, and which one a model gets:
    bookkeeping (with layer_rules, graph_rules, outer), vmapped, opacus_modes, one_by_one, each of a `problem`
    noise, step                      from clipped sums to the gradient of a step
    training                         all of it, in the place of a loss and of a loader
    ledger, account                  what was spent, with the weights and beside them
"""
