"""Recipes: strict reading with paths, merging of declarations, and those that are shipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from setpoint.apis.errors import InvalidSpec
from setpoint.components.data_processing import load, shipped
from setpoint.components.data_processing._recipe import Spikes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\ntimes: {}\n", "recipe: Object contains unknown field `times`"),
        ("name: a\ntime: {colum: t}\n", "recipe: time: Object contains unknown field `colum`"),
        ("name: a\ncolumns:\n  x: {low: cold}\n", "Expected `float | null`, got `str`"),
        ("name: a\ncolumns:\n  x: {unit: degc}\n", "columns.x.unit: unknown unit 'degc'; similar: degC"),
        ("name: a\ncolumns:\n  x: {unit: degC, source_unit: bar}\n", "columns.x.source_unit: bar (pressure)"),
        ("name: a\ncolumns:\n  x: {low: 3, high: 2}\n", "columns.x: low 3.0 is not below high 2.0"),
        ("name: a\ntime: {zone: Europe/Berln}\n", "time.zone: 'Europe/Berln' is no time zone"),
        ("name: a\nsplit: {by: files}\n", "split.holdout: names nothing to hold out"),
        ("name: a\nsplit: {ratio: 1.5}\n", "split.ratio: must lie between 0 and 1"),
        ("name: a\nperiod_seconds: 0\n", "period_seconds: must be positive"),
        ("name: [a\nb: c\n", "recipe:2:2: expected"),
        ("- a\n- b\n", "a recipe is a mapping"),
        ("dryr", "did you mean dryer?"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        load(text)
    assert message in str(caught.value)


def test_the_more_exact_declaration_wins_field_by_field() -> None:
    recipe = load("""
name: a
defaults: {stuck_samples: 10, fill_samples: 3, spikes: {window: 7}}
columns:
  t_*: {unit: degC, stuck_samples: 20}
  t_1: {low: 0, stuck_samples: 0}
""")
    exact, pattern, other = (recipe.column(name) for name in ("t_1", "t_2", "p"))
    assert (exact.unit, exact.low, exact.stuck_samples, exact.fill_samples) == ("degC", 0.0, 0, 3)
    assert exact.rules().stuck_samples is None  # zero turns a rule off
    assert (pattern.stuck_samples, pattern.low) == (20, None)
    assert (other.unit, other.stuck_samples, other.spikes) == (None, 10, Spikes(window=7))


def test_shipped_recipes_read_and_say_what_they_are(tmp_path: Path) -> None:
    assert set(shipped()) >= {"cstr", "dryer", "machine-temperature", "pump-rig", "tep"}
    for name in shipped():
        recipe = load(name)
        assert recipe.name == name and recipe.description and recipe.signature
    tep = load("tep")
    units = {f"xmeas_{n}": tep.column(f"xmeas_{n}").unit for n in (1, 7, 9, 14, 20, 23)}
    assert list(units.values()) == ["kscmh", "kPa gauge", "degC", "m3/h", "kW", "mole %"]
    path = tmp_path / "my.yaml"
    path.write_text("name: mine\n")
    assert load(str(path)).name == "mine"


def test_the_recipe_in_the_documentation_reads() -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "components" / "data-processing.md"
    text = page.read_text().split("```yaml\n")[1].split("```")[0]
    recipe = load(text)
    assert recipe.column("TI-4").low == -20.0 and recipe.column("PI-7").source_unit == "psi"
    assert recipe.column("PI-7").fill_samples == 3 and recipe.column("comment").role == "ignore"
