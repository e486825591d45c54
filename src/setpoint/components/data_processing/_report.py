"""The data-quality report: one HTML file that needs nothing else, and the same facts as JSON.

Decides what a reader sees first: rows in and out, what was changed and why, how it was split; then the signals.
Invariant: all text from data is escaped, and the same input gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import polars as pl

from setpoint.components.data_processing._described import Described
from setpoint.components.data_processing._export import PLOTS, REPORT_HTML, REPORT_JSON, Facts
from setpoint.components.data_processing._ledger import CHANGE_WORDS, CHANGES, Ledger
from setpoint.components.data_processing._names import RUN, TARGET, TIME
from setpoint.components.data_processing._plots import changes_plot, label_colour, label_order, runs_plot, signals_plot
from setpoint.components.data_processing._rows import Rows

_SIGNALS = 12
_ROW_WORDS = {
    "in": "records read",
    "without_time": "without a time, dropped",
    "ambiguous_local_time": "in the hour that comes twice, told apart",
    "non_existent_local_time": "in the hour that never was, dropped",
    "unordered": "out of order, sorted",
    "duplicate_time": "repeating a time, merged",
    "frozen": "frozen after a stop, dropped",
    "without_target": "without a label, dropped",
}
_CSS = """
:root{--bg:#fff;--ink:#1c2733;--soft:#5c6b7a;--line:#c9d2db;--card:#f4f6f8;--accent:#3b82c4}
@media(prefers-color-scheme:dark){:root{--bg:#12181f;--ink:#dfe6ed;--soft:#93a1b0;--line:#3a4653;--card:#1b242e}}
body{background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif;
max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin:2.2rem 0 .6rem}p.sub{color:var(--soft);margin:.2rem 0 1.2rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.7rem}
.tile{background:var(--card);border-radius:.5rem;padding:.7rem .9rem}.tile b{display:block;font-size:1.35rem}
.tile span{color:var(--soft);font-size:.82rem}svg{width:100%;height:auto;color:var(--ink)}
svg text{font-family:system-ui,sans-serif!important}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.82rem;white-space:nowrap}
th,td{text-align:right;padding:.22rem .6rem;border-bottom:1px solid var(--line)}th{color:var(--soft);font-weight:600}
th:first-child,td:first-child,td.t,th.t{text-align:left}li{margin:.15rem 0}
.key i{display:inline-block;width:.75rem;height:.75rem;border-radius:.15rem;margin:0 .35rem 0 1rem;
vertical-align:-.06rem}
"""


def report_of(
    rows: Rows, held: pl.Series, figures: Mapping[str, Described], facts: Facts, ledger: Ledger
) -> dict[str, Any]:
    """The report as JSON values; `figures` by feature."""
    columns = []
    for name, found in figures.items():
        spec = facts.recipe.column(name)
        entry: dict[str, Any] = {"name": name, "unit": spec.unit or "", "description": spec.description or ""}
        entry["missing_as_recorded"] = ledger.missing.get(name, 0)
        entry["changed"] = {kind: ledger.columns.get(name, {}).get(kind, 0) for kind in CHANGES}
        entry["null_ratio_after"] = found.nulls / max(rows.height, 1)
        columns.append(entry | {"mean": found.mean, "std": found.std, "min": found.least, "max": found.most})
    kept, away = (rows.keys.filter(mask) for mask in (~held, held))
    ordered = pl.concat([kept, away])
    return {
        "source": facts.source,
        "inputs": dict(facts.inputs),
        "recipe": facts.recipe.name,
        "split": facts.split,
        "sample_period_seconds": facts.period_seconds,
        "rows": ledger.rows() | {"out": rows.height, "train": kept.height, "holdout": away.height},
        "runs": {"train": kept[RUN].n_unique(), "holdout": away[RUN].n_unique()},
        "labels": dict(ordered.group_by(TARGET, maintain_order=True).len().rows()) if rows.has_target else {},
        "values_changed": ledger.values_changed,
        "columns": columns,
        "converted": ledger.converted,
        "notes": ledger.notes,
    }


def write_report(
    folder: Path, rows: Rows, held: pl.Series, figures: Mapping[str, Described], facts: Facts, ledger: Ledger
) -> None:
    """Write report.json and report.html into the folder."""
    report = report_of(rows, held, figures, facts, ledger)
    (folder / REPORT_JSON).write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    train, holdout = rows.part(~held), rows.part(held)
    table = holdout.after(train)
    runs = table.keys[RUN].unique(maintain_order=True)
    away = set(holdout.keys[RUN].unique()) - set(train.keys[RUN].unique())
    shown = _shown(report, figures)
    units = {entry["name"]: entry["unit"] for entry in report["columns"]}
    sampled = table.keys.schema[TIME] == pl.Int64
    plots = {
        "changes": changes_plot(ledger, facts.features),
        "runs": runs_plot(table.keys, away, facts.normal, facts.period_seconds, unit_is_sample=sampled),
        "signals": signals_plot(table, ledger, shown, units, facts.normal),
    }
    write_plots(folder / PLOTS, plots)
    parts = [
        _head(report),
        _section("What cleaning changed", plots["changes"] or "<p>No value was changed.</p>"),
        _section("", _rows_list(report) + _notes(report)),
        _section(
            "Runs",
            _key(report, facts.normal)
            + plots["runs"]
            + ("<p>The first 60 runs are drawn.</p>" if len(runs) > 60 else ""),
        ),
        _section(
            "Signals",
            "<p class=sub>Line: after cleaning. Red: values taken away (codes far outside drawn at the edge). "
            "Right: distribution, normal filled, faults as lines.</p>" + plots["signals"],
        ),
        _section("Columns", _columns_table(report)),
    ]
    (folder / REPORT_HTML).write_text(_page("".join(parts)), encoding="utf-8")


def write_plots(folder: Path, plots: Mapping[str, str]) -> None:
    """One SVG file per drawing that is not empty, for pages that show several components together."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in plots.items():
        if svg:
            (folder / f"{name}.svg").write_text(svg, encoding="utf-8")


def _shown(report: dict[str, Any], figures: Mapping[str, Described]) -> list[str]:
    """The columns worth a plot: those changed most, then those where some label lies farthest from normal."""
    changed = {
        entry["name"]: sum(count for kind, count in entry["changed"].items() if kind not in ("held", "stale"))
        for entry in report["columns"]
    }
    return sorted(figures, key=lambda name: (-changed[name], -figures[name].apart))[:_SIGNALS]


def _page(body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Data quality</title><style>{_CSS}</style></head><body>{body}</body></html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<section>{f'<h2>{escape(title)}</h2>' if title else ''}{body}</section>" if body else ""


def _head(report: dict[str, Any]) -> str:
    rows = report["rows"]
    period = report["sample_period_seconds"]
    tiles = (
        (f"{rows['in']:,}", "records in"),
        (f"{rows['out']:,}", "rows out"),
        (f"{report['values_changed']:,}", "values changed"),
        (str(len(report["columns"])), "features"),
        (f"{rows['train']:,}", f"rows to train, {report['runs']['train']} runs"),
        (f"{rows['holdout']:,}", f"rows held out, {report['runs']['holdout']} runs"),
        (f"{period:g} s", "sample period"),
    )
    cells = "".join(f"<div class=tile><b>{escape(value)}</b><span>{escape(word)}</span></div>" for value, word in tiles)
    sub = f"{report['source']} · recipe {report['recipe']} · {report['split']}"
    return f"<h1>Data quality</h1><p class=sub>{escape(sub)}</p><div class=tiles>{cells}</div>"


def _rows_list(report: dict[str, Any]) -> str:
    items = [
        f"<li>{count:,} records {escape(_ROW_WORDS[key])}</li>"
        for key, count in report["rows"].items()
        if key in _ROW_WORDS and key != "in" and count
    ]
    return f"<ul>{''.join(items)}</ul>" if items else ""


def _notes(report: dict[str, Any]) -> str:
    notes = [*report["notes"], *(f"{name}: converted from {text}" for name, text in report["converted"].items())]
    return f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in notes)}</ul>" if notes else ""


def _key(report: dict[str, Any], normal: str) -> str:
    labels = label_order(report["labels"])
    items = [
        f'<i style="background:{label_colour(labels, label, normal)}"></i>{escape(label)} ({report["labels"][label]:,})'
        for label in labels
    ]
    return f"<p class=key>{''.join(items)}</p>" if items else ""


def _columns_table(report: dict[str, Any]) -> str:
    kinds = [kind for kind in CHANGES if any(entry["changed"][kind] for entry in report["columns"])]
    heads: Sequence[str] = ("column", "unit", "", "missing", *(CHANGE_WORDS[kind] for kind in kinds), "null after")
    head = "".join(
        f"<th{' class=t' if i < 3 else ''}>{escape(word)}</th>"
        for i, word in enumerate((*heads, "mean", "std", "min", "max"))
    )
    rows = []
    for entry in report["columns"]:
        counts = [entry["missing_as_recorded"], *(entry["changed"][kind] for kind in kinds)]
        texts = [f"<td>{escape(entry['name'])}</td><td class=t>{escape(entry['unit'])}</td>"]
        texts.append(f"<td class=t>{escape(entry['description'])}</td>")
        texts += [f"<td>{count:,}</td>" if count else "<td>·</td>" for count in counts]
        texts.append(f"<td>{entry['null_ratio_after']:.2%}</td>")
        texts += [f"<td>{_number(entry[key])}</td>" for key in ("mean", "std", "min", "max")]
        rows.append(f"<tr>{''.join(texts)}</tr>")
    return f"<div class=scroll><table><tr>{head}</tr>{''.join(rows)}</table></div>"


def _number(value: float | None) -> str:
    return "·" if value is None else f"{value:.4g}"
