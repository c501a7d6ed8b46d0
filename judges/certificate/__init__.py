"""Proof of how far a judge can be trusted.

`certify.certify` puts a judge through caption pairs with one known change each (`probes`, made by `corruptions` from
hand-written `references`) and gives its discrimination, bias, stability, cost and failures, beside plain similarities
(`baselines`). `sheet`, `labels` and `agreement` ask clinicians and compare.
"""
