"""Measurements as numbers: what was written as text becomes a number, a null with a reason, or an error.

Decides which texts are status words and when a column is no measurement. Invariant: whether a column is text is judged
over all that was read, so the counts are kept apart from the verdict: parts count, and who has all counts judges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from setpoint.apis.errors import InvalidSpec
from setpoint.components.data_processing._ledger import Ledger, Texts
from setpoint.components.data_processing._recipe import STATUS_WORDS, Recipe
from setpoint.core.cleaning import to_numbers

_MISSING_WORDS = ("", "-", "na", "n/a", "nan", "null", "none")


def numbers(
    frame: pl.DataFrame, features: Sequence[str], recipe: Recipe, ledger: Ledger, *, decimal: str
) -> pl.DataFrame:
    """Features to Float64; status words become null and are counted, other texts too, for `check_texts`.

    Args:
        frame: As it was read.
        features: Columns of measurements.
        recipe: Knows status words of its own.
        ledger: Gets the counts.
        decimal: The decimal sign of texts.

    Raises:
        InvalidSpec: A column that holds neither numbers nor texts.
    """
    casts = []
    for name in features:
        kind = frame.schema[name]
        if kind == pl.String:
            casts.append(to_numbers(name, decimal=decimal))
        elif kind.is_numeric() or kind == pl.Boolean:
            casts.append(pl.col(name).cast(pl.Float64))
        else:
            raise InvalidSpec(f"holds {kind}, not numbers; declare `role: ignore` if it is no measurement", path=name)
    found = frame.with_columns(casts)
    for name in features:
        missing = frame[name].null_count()
        texts = Texts(filled=frame.height - missing)
        if frame.schema[name] == pl.String:
            missing += _count_texts(frame[name], found[name], name, recipe, ledger, texts)
        ledger.missing[name] = ledger.missing.get(name, 0) + missing
        ledger.texts[name] = ledger.texts.get(name, Texts()).with_more(texts)
    return found


def check_texts(texts: Mapping[str, Texts], recipe: Recipe) -> None:
    """Raises InvalidSpec if a column is text, not numbers with a few words between them."""
    for name, found in texts.items():
        if found.strange > recipe.max_text_ratio * max(found.filled, 1):
            share = f"{found.strange / max(found.filled, 1):.0%}"
            raise InvalidSpec(
                f"is text, not numbers: {found.example!r} (in {share} of the rows); declare `role: ignore`, the "
                "decimal sign, or the word in missing_words",
                path=name,
            )


def _count_texts(raw: pl.Series, values: pl.Series, name: str, recipe: Recipe, ledger: Ledger, texts: Texts) -> int:
    """Count status words as changes; returns how many cells only said that there is no value."""
    lost = raw.filter(values.is_null() & raw.is_not_null()).str.strip_chars()
    lower = lost.str.to_lowercase()
    empty = int(lower.is_in(_MISSING_WORDS).sum())
    words = {*STATUS_WORDS, *(word.lower() for word in recipe.missing_words)}
    strange = lost.filter(~lower.is_in(sorted(words)))
    texts.filled -= empty
    texts.strange, texts.example = len(strange), strange[0] if len(strange) else ""
    ledger.add(name, "text", len(lost) - empty)
    return empty
