"""`medvidbench train recipes`."""

from __future__ import annotations


def run() -> None:
    """Print name, kind, model and method of every recipe that ships."""
    from rich import box
    from rich.table import Table

    from medvidbench.commands.common import console_of
    from medvidbench.training.recipe_files import RECIPES, load_recipe, recipe_names

    table = Table(title=f"Recipes in {RECIPES}", box=box.SIMPLE_HEAD, title_justify="left")
    for name in ("name", "kind", "model", "method", "length"):
        table.add_column(name, no_wrap=True)
    for name in recipe_names():
        recipe = load_recipe(name)
        length = f"{recipe.steps} steps" if recipe.steps else f"{recipe.epochs:g} epochs"
        table.add_row(name, recipe.kind, recipe.model.path, recipe.grpo.method if recipe.kind == "grpo" else "", length)
    console_of().print(table)
