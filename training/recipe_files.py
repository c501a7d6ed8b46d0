"""Recipes by name or from a file, with changes put in, checked, and written beside a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from medvidbench.errors import MedVidBenchError
from medvidbench.training.recipe import Recipe

RECIPES = Path(__file__).parent / "recipes"


def recipe_names() -> list[str]:
    """Names of the recipes that ship."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def load_recipe(name: str | Path, changes: dict[str, Any] | None = None) -> Recipe:
    """A recipe by name or from a file, with `changes` ("grpo.kl": 0.01, ...) put in.

    Raises:
        MedVidBenchError: no such recipe, not YAML, an unknown key, a value out of range.
    """
    import yaml  # type: ignore[import-untyped,unused-ignore]

    path = Path(name) if str(name).endswith((".yaml", ".yml")) else RECIPES / f"{name}.yaml"
    if not path.is_file():
        raise MedVidBenchError(f"No recipe {name}.", f"a .yaml file, or one of {', '.join(recipe_names())}")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MedVidBenchError(f"{path} is not YAML: {error}.", "a recipe") from error
    if not isinstance(content, dict):
        raise MedVidBenchError(f"{path} holds {type(content).__name__}.", "a mapping, see the recipes that ship")
    for dotted, value in (changes or {}).items():
        _put(content, dotted, value)
    return check_recipe(content, str(path))


def check_recipe(content: dict[str, Any], where: str = "the recipe") -> Recipe:
    """The recipe that a mapping describes.

    Raises:
        MedVidBenchError: an unknown key, or a value out of range; all of them are named.
    """
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc'])) or 'recipe'}: {e['msg']}" for e in error.errors()]
        raise MedVidBenchError(
            f"{where}: {'; '.join(faults)}.",
            "keys as in the recipes that ship (`medvidbench train recipes`); training/recipe.py describes each",
        ) from error


def write_recipe(recipe: Recipe, path: Path) -> None:
    """The resolved recipe, every default written out."""
    import yaml  # type: ignore[import-untyped,unused-ignore]

    path.write_text(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False), encoding="utf-8")


def _put(content: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, last = dotted.split(".")
    place = content
    for name in parents:
        place = place.setdefault(name, {})
        if not isinstance(place, dict):
            raise MedVidBenchError(f"{dotted} can't be set: {name} is a value.", "keys of the recipe")
    place[last] = value
