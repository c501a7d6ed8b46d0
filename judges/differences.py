"""Differences that lie between concepts: sides, places and directions, quantities, roles and the order of deeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from medvidbench.judges.clauses import Deed
from medvidbench.judges.findings import MOTIONS, Finding, Kind, Unit
from medvidbench.judges.lexicon_files import Lexicon
from medvidbench.judges.paths import Path
from medvidbench.judges.readings import Place, Reading

_Role = TypeVar("_Role", str, tuple[str, str])


def sides(truth: Iterable[Unit], said: Iterable[Unit], free: Sequence[Place]) -> list[Finding]:
    """Sides of one concept in both texts: "the left hand" against "the right hand".

    A side that the prediction tells beside the concept counts as its side: "the arm on the left".
    """
    by_name: dict[str, Unit] = {}
    for unit in said:
        by_name.setdefault(unit.concept.name, unit)
    told: dict[str, set[str]] = {}
    for axis, value in (pair for place in free for pair in place.values):
        told.setdefault(axis, set()).add(value)
    out: list[Finding] = []
    for unit in truth:
        other = by_name.get(unit.concept.name)
        for axis, values in unit.sides.items() if other is not None else ():
            found = (other.sides.get(axis) if other else None) or told.get(axis, set())
            out.append(_side(unit, values, found))
    return out


def _side(unit: Unit, values: set[str], found: set[str]) -> Finding:
    name = unit.concept.name
    words = f"{' '.join(sorted(values))} {unit.words}", f"{' '.join(sorted(found))} {unit.words}".strip()
    if found and not found & values and "both" not in found | values:
        return Finding("side", "side", 0.0, 1.0, name, name, *words, 1.0)
    if values - found:
        return Finding("omitted", "side", 0.0, 0.5, name, "", words[0])
    return Finding("matched", "side", 1.0, 0.5, name, name, *words, 1.0)


def directions(units: Iterable[Unit], lexicon: Lexicon) -> dict[str, str]:
    """Directions that actions have in them: what is lifted goes up."""
    known = lexicon.grammar["directed"]
    return {axis: value for unit in units for axis, value in known.get(unit.concept.name, {}).items()}


def places(
    truth: Sequence[Place], said: Sequence[Place], directed: Mapping[str, str], units: Iterable[Unit]
) -> list[Finding]:
    """Places and directions by role and axis; "to" and "at" stand for each other, "from" stands alone.

    Args:
        truth, said: the places of reference and prediction.
        directed: directions that the prediction's actions have in them.
        units: of the prediction: "the left ureter" tells the place of "on the left".
    """
    out: list[Finding] = []
    open_said = list(dict.fromkeys(said))
    bound = {(axis, value) for unit in units for axis, values in unit.sides.items() for value in values}
    known = bound | set(directed.items())
    axes = {axis for axis, _ in bound}
    for place in sorted(dict.fromkeys(truth), key=lambda place: -_overlap(place, open_said)):
        other = _best_place(place, open_said)
        if other is not None and _comparable(place, other):
            open_said.remove(other)
            out.append(_placed(place, other))
        elif set(place.values) <= known:
            out.append(Finding("matched", "side", 1.0, 0.5, reference=place.words, specific=1.0))
        elif any(axis in axes and (axis, value) not in bound for axis, value in place.values):
            spoken = " ".join(sorted(value for _, value in bound))
            out.append(Finding("side", "side", 0.0, 1.0, "", "", place.words, spoken, 1.0))
        else:
            out.append(Finding("omitted", "side", 0.0, _place_weight(place), reference=place.words))
    return out + [Finding("invented", "side", 0.0, _place_weight(p), prediction=p.words) for p in open_said]


def _placed(place: Place, other: Place) -> Finding:
    wanted, found = dict(place.values), dict(other.values)
    wrong = [
        axis
        for axis, value in wanted.items()
        if axis in found and value != found[axis] and "both" not in (value, found[axis])
    ]
    share = sum(axis in found for axis in wanted) / len(wanted)
    if wrong or not share:
        moving = "at" not in (place.role, other.role) or not MOTIONS.isdisjoint(wrong)
        kind: Kind = "direction" if moving else "side"
        return Finding(kind, kind, 0.0, 1.0, "", "", place.words, other.words, share or 1.0)
    kind = "matched" if share == 1 else "vaguer"
    return Finding(kind, "side", share, 0.5, "", "", place.words, other.words, share)


def _place_weight(place: Place) -> float:
    """Words such as "above" have many others for the same place: one that is missing says little."""
    return 0.2 if all(axis == "level" for axis, _ in place.values) else 0.5


def _comparable(place: Place, other: Place) -> bool:
    """Whether they tell of one axis: "proximal" and "superior" don't contradict each other."""
    return bool({axis for axis, _ in place.values} & {axis for axis, _ in other.values})


def _overlap(place: Place, said: Sequence[Place]) -> int:
    return max((len({*place.values} & {*other.values}) for other in said), default=0)


def _best_place(place: Place, said: Sequence[Place]) -> Place | None:
    same = [other for other in said if (other.role == "from") == (place.role == "from")]
    values = set(place.values)
    return max(same, key=lambda other: len(values & set(other.values)), default=None)


def quantities(reference: Reading, prediction: Reading) -> list[Finding]:
    """Quantities of one dimension in their base unit: "5 mm" is "0.5 cm", and "5 ml" against "8 ml" contradicts."""
    out: list[Finding] = []
    said = list(prediction.quantities)
    for dimension, value in reference.quantities:
        same = next((q for q in said if q[0] == dimension and _alike(q[1], value)), None)
        other = same or next((q for q in said if q[0] == dimension), None)
        words = f"{dimension} {value:g}"
        if other is None:
            out.append(Finding("omitted", "quantity", 0.0, 0.3, reference=words))
            continue
        said.remove(other)
        kind: Kind = "matched" if same else "quantity"
        credit = 1.0 if same else 0.0
        out.append(
            Finding(kind, "quantity", credit, 0.3, dimension, dimension, words, f"{dimension} {other[1]:g}", 1.0)
        )
    return out


def _alike(a: float, b: float) -> bool:
    return abs(a - b) <= 0.02 * max(abs(a), abs(b))


def roles(done: Sequence[Deed], told: Sequence[Deed], lexicon: Lexicon) -> list[Finding]:
    """The same action by another instrument or on another structure than in every clause of the reference that has it.

    Only where both texts name one, and the named one occurs in the reference elsewhere; else it is a substitution
    already.
    """
    out: list[Finding] = []
    known_agents = {agent for deed in done for agent in deed.agents}
    known_targets = {target for deed in done for target in deed.targets}
    loose = frozenset(lexicon.grammar["loose_targets"].split())
    for action in dict.fromkeys(deed.action for deed in done):
        ours = [deed for deed in done if deed.action == action]
        theirs = [deed for deed in told if deed.action == action]
        agents = _other_hand(ours, theirs) or _exchanged(
            [d.agents for d in ours], [d.agents for d in theirs], known_agents
        )
        if agents:
            truth, said = (f"{action} with {_spoken(agent)}" for agent in agents)
            out.append(Finding("role", "agent", 0.0, 1.0, action, agents[1][0], truth, said))
        if action in loose:
            continue
        targets = _exchanged([d.targets for d in ours], [d.targets for d in theirs], known_targets)
        if targets and lexicon.relation(*targets)[0] == "other":
            truth, said = (f"{action} {name}".replace("_", " ") for name in targets)
            out.append(Finding("role", "target", 0.0, 1.0, action, targets[1], truth, said))
    return out


def _other_hand(ours: Sequence[Deed], theirs: Sequence[Deed]) -> tuple[tuple[str, str], tuple[str, str]] | None:
    """The left hand does what the right one did."""
    wanted, found = ({a for deed in deeds for a in deed.agents if a[1]} for deeds in (ours, theirs))
    if wanted and found and not wanted & found and {a[0] for a in wanted} & {a[0] for a in found}:
        return min(wanted), min(found)
    return None


def _exchanged(
    ours: Sequence[frozenset[_Role]], theirs: Sequence[frozenset[_Role]], known: set[_Role]
) -> tuple[_Role, _Role] | None:
    """(the reference's, the predicted) of the first deed whose every partner differs; None when all agree."""
    wanted: frozenset[_Role] = frozenset().union(*ours)
    if not wanted or not all(ours):
        return None
    for found in theirs:
        if found and not found & wanted and found <= known:
            return min(wanted), min(found)
    # each deed of the reference needs one of the prediction that shares something, where those name any
    if len(ours) != len(theirs) or len(ours) == 1 or not all(theirs):
        return None
    for group in ours:
        if not any(group & found for found in theirs):
            return min(group), min(theirs[0])
    return None


def _spoken(agent: tuple[str, str]) -> str:
    return f"{agent[1]} {agent[0]}".strip().replace("_", " ")


def orders(done: Sequence[Deed], told: Sequence[Deed]) -> list[Finding]:
    """Pairs of deeds told in the inverse order where at least one text states it."""
    ours = [deed for deed in done if not deed.negated]
    placed = [(deed, match) for deed in ours if (match := _counterpart(deed, ours, told)) is not None]
    for i, (first, first_told) in enumerate(placed):
        for second, second_told in placed[i + 1 :]:
            gap, gap_told = second.time - first.time, second_told.time - first_told.time
            stated = second.hard != first.hard and second_told.hard != first_told.hard
            loosely = second.hard != first.hard or second_told.hard != first_told.hard
            if gap * gap_told < 0 and loosely:
                words = f"{first.action} before {second.action}", f"{second.action} before {first.action}"
                words = words if gap > 0 else words[::-1]
                return [
                    Finding("order", "order", 0.0, 1.0 if stated else 0.6, first.action, second.action, *words, 1.0)
                ]
    return []


def _counterpart(deed: Deed, done: Sequence[Deed], told: Sequence[Deed]) -> Deed | None:
    """The one deed of the prediction that must be this one: same action, and target or instrument where it recurs."""
    same = [other for other in told if other.action == deed.action]
    alone = sum(other.action == deed.action for other in done) == 1
    if len(same) == 1 and alone:
        return same[0]
    exact = [other for other in same if other.targets == deed.targets and other.agents == deed.agents]
    ours = [
        other
        for other in done
        if (other.action, other.targets, other.agents) == (deed.action, deed.targets, deed.agents)
    ]
    return exact[0] if len(exact) == 1 and len(ours) == 1 else None


def compare_paths(truth: Sequence[Path], said: Sequence[Path], findings: list[Finding]) -> list[Finding]:
    """The findings with a direction for each way that runs the other way; an equal way settles what its sides said."""
    if not truth or not said:
        return findings
    out = list(findings)
    for path in truth:
        same = [_same_way(path, other) for other in said]
        if any(same):
            # "left hand to right" told as "from the left to the right hand"
            words = path.words.union(*(other.words for other in said))
            out = [f for f in out if not _is_settled(f, words)]
        elif any(_against(path, other) for other in said) and not any(f.kind == "direction" for f in out):
            told = "; ".join(_spoken_way(other) for other in said)
            out.append(Finding("direction", "direction", 0.0, 1.0, "", "", _spoken_way(path), told, 1.0))
    return out


def _is_settled(finding: Finding, words: frozenset[str]) -> bool:
    """Whether an equal way tells its sides: "left hand to right" for "from the left to the right hand"."""
    if finding.kind in ("side", "role"):
        told = {*finding.reference.split(), *finding.prediction.split()}
        return words >= told or ("hand" in words and "hand" in told)
    said = (finding.reference or finding.prediction).split()
    return finding.kind in ("omitted", "invented") and bool(said) and words.issuperset(said)


def _same_way(path: Path, other: Path) -> bool:
    starts, ends = path.start & other.start, path.end & other.end
    if path.start and path.end and other.start and other.end:
        return not _reversed(path, other) and bool(starts or ends)
    return bool(starts or ends)


def _reversed(path: Path, other: Path) -> bool:
    ours, theirs = (path.start - path.end, path.end - path.start), (other.start - other.end, other.end - other.start)
    return bool(ours[0] & theirs[1] and ours[1] & theirs[0])


def _against(path: Path, other: Path) -> bool:
    if path.start and path.end and other.start and other.end:
        return _reversed(path, other) or not (path.start & other.start or path.end & other.end)
    if (path.start and path.end) or (other.start and other.end):
        return False
    # one landmark each: the same one the other way round, or another one
    return bool(path.start & other.end or path.end & other.start) or bool(path.end and other.end)


def _spoken_way(path: Path) -> str:
    return " to ".join(" ".join(sorted(words)) for words in (path.start, path.end) if words)
