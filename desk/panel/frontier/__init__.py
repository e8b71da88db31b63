"""The Frontier view: what this machine was measured to do at which speed, the mix that earns most by it, and what if.

`sweeps` finds and folds the recordings, `scene` chooses what is drawn, `chart` draws it, `mixcard`, `promise` and
`ladder` are the cards beside it, `detail` is a single point.
"""
