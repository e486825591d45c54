"""The source in one piece: read, cleaned and brought to one rate in this process.

Decides the order of the stages. Invariant: what comes out is what parts of the same source give, joined.
"""

from __future__ import annotations

from setpoint.components._runner import say
from setpoint.components.data_processing._conclude import Clean
from setpoint.components.data_processing._digests import digest
from setpoint.components.data_processing._export import check_names
from setpoint.components.data_processing._infer import chosen_recipe
from setpoint.components.data_processing._integrate import finish, integrate
from setpoint.components.data_processing._ledger import Ledger
from setpoint.components.data_processing._plan import Asked
from setpoint.components.data_processing._rows import rows_of
from setpoint.components.data_processing._sources import open_sources
from setpoint.components.data_processing._streams import read_all
from setpoint.ports.tables import TableCache

STAGES = 5


def in_one_piece(asked: Asked, *, max_download_bytes: int, cache: TableCache | None = None) -> Clean:
    """Process the whole source.

    Raises:
        InvalidSpec: Source, recipe or data are wrong, with what and where.
        Unavailable: An address does not answer.
    """
    ledger = Ledger()
    with open_sources(asked.source, max_download_bytes=max_download_bytes, cache=cache) as origins:
        say(f"read {len(origins)} source file(s)", 1, STAGES)
        recipe, ledger.notes = chosen_recipe(asked.recipe, origins, asked.target)
        for note in ledger.notes:
            say(f"  {note}")
        say(f"clean by recipe {recipe.name}", 2, STAGES)
        streams = read_all(origins, recipe, ledger)
        inputs = {origin.name: digest(origin) for origin in origins}
    say("integrate", 3, STAGES)
    table, period = integrate(streams, recipe, ledger)
    features = tuple(name for stream in streams for name in stream.features)
    check_names(features, recipe.target.column if recipe.target else "")
    rows = rows_of(finish(table, features, recipe, ledger), features)
    return Clean(source=asked.source, inputs=inputs, recipe=recipe, period_seconds=period, rows=rows, ledger=ledger)
