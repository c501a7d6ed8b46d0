"""Proof of how far a judge can be trusted.

`certify.certify` puts a judge through caption pairs with one known change each (`probes`, made by `corruptions` from
hand-written `references`) and gives its discrimination, bias, stability, cost and failures, beside plain similarities
(`baselines`). `sheet`, `labels` and `agreement` ask clinicians and compare.

Three held-out sets were written for the concept judge; each was frozen by its digest, measured once, and given up
for development where it was looked at afterwards. AUC of instrument, structure, action, laterality and the violated
checks on harmless captions, each at first look: v1-held-out (240 pairs) .999, 1.000, .959, .996 and 5.3 % (an
earlier judge had .899 on action and 16.3 %); v2-held-out (309 pairs) .977, .993, .965, .989 and 6.9 %; v3-held-out
(303 pairs) .985, .985, .980, 1.000 and 1.2 %. Nobody has looked at the texts of the third set with the judge's
scores beside them. One and the same author wrote the lexicon and the sets.
"""
