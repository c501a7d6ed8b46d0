"""Captions per second of the concept judge on one core, by kind of caption, and what takes the time.

    python benchmarks/judge_concepts.py

Pairs are made from CholecT50 triplets: a plain sentence as reference, an operative note as prediction, all different,
so that no reading comes from the cache; "references seen" repeats each reference for eight models, as an evaluation of
eight models does.

On a shared, loaded 2-core machine: about 3,100 one-scene captions a second (20 words), 1,000 four-scene summaries (66
words), 460 of twelve scenes (186 words); the time is linear in the words. About a third each is reading, comparing, and
scores, all in the interpreter: what limits it is its speed on small objects, no input or output.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence

from medvidbench.curation.note_words import sentence, triplet_notes
from medvidbench.judges.base import CaptionPair, Mode
from medvidbench.judges.comparison import compare
from medvidbench.judges.concept_judge import ConceptJudge
from medvidbench.sources.cholect50_classes import TRIPLETS
from medvidbench.tasks.verbalise import scene_clause

ACTING = [triplet for triplet in TRIPLETS if "null" not in triplet]
WORDS = ("carefully", "slowly", "again", "briefly", "gently", "precisely", "steadily", "promptly")


def pairs(count: int, scenes: int, models: int = 1, seed: int = 0) -> list[CaptionPair]:
    """`count` pairs of captions with this many scenes each; every text has a number of its own."""
    rng = random.Random(seed)
    out = []
    while len(out) < count:
        told = [rng.sample(ACTING, rng.choice((1, 2, 2))) for _ in range(scenes)]
        plain = [scene_clause([("triplet", label) for label in scene], "the surgeon") for scene in told]
        reference = ". Then ".join(plain) + f". This takes {len(out)} s."
        for model in range(models):
            notes = [sentence(triplet_notes([label.split(",") for label in scene])) for scene in told]
            text = f"{WORDS[model]}, " + " Subsequently, ".join(notes) + f" Duration {len(out)} s, model {model}."
            out.append(CaptionPair(str(len(out)), "VS", "CholecT50", reference, text))
    return out[:count]


def rate(judge: ConceptJudge, told: Sequence[CaptionPair], mode: Mode = "absolute") -> float:
    """Pairs per second of CPU time."""
    start = time.process_time()
    for _ in judge.judge(told, mode):
        pass
    return len(told) / (time.process_time() - start)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=3000)
    count = parser.parse_args().count
    start = time.process_time()
    ConceptJudge()
    print(f"loading the lexicon: {time.process_time() - start:.3f} s")
    kinds = (("one scene (RC, DVC event)", 1, 1), ("four scenes (VS)", 4, 1), ("twelve scenes (VS)", 12, 1))
    print(f"{'pairs':<28}{'words':>7}{'absolute':>10}{'no words':>10}{'comparative':>13}   captions/s on one core")
    for name, scenes, models in (*kinds, ("one scene, references seen", 1, 8)):
        told = pairs(count, scenes, models)
        words = sum(len(pair.prediction.split()) for pair in told) / len(told)
        rates = [rate(ConceptJudge(), told), rate(ConceptJudge(rationales=False), told)]
        rates.append(rate(ConceptJudge(rationales=False), told, "comparative"))
        print(f"{name:<28}{words:>7.0f}{rates[0]:>10,.0f}{rates[1]:>10,.0f}{rates[2]:>13,.0f}")
    stages(pairs(count, 1))


def stages(told: Sequence[CaptionPair]) -> None:
    """The share of reading, comparing and the rest."""
    judge = ConceptJudge()
    start = time.process_time()
    read = [(judge.read(pair.reference), judge.read(pair.prediction)) for pair in told]
    middle = time.process_time()
    for reference, prediction in read:
        compare(reference, prediction, judge.lexicon)
    compared = time.process_time()
    total = len(told) / rate(ConceptJudge(), told)
    shares = (middle - start) / total, (compared - middle) / total
    print(f"of one-scene pairs: reading two texts {shares[0]:.0%}, comparing {shares[1]:.0%}, ", end="")
    print(f"scores and rationales {1 - sum(shares):.0%}")


if __name__ == "__main__":
    main()
