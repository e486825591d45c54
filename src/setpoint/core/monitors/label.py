"""What turned out to be true of an answer, said later than it by people or historians."""

from __future__ import annotations

from datetime import datetime

from setpoint.apis.meta import Wire


class Label(Wire, frozen=True, kw_only=True):
    """What was true, for one answer (`inference_id`), or for an asset from `begin` to before `end`.

    Exactly one of the two keys is given. `revision` counts the statements about one key from 1; a reader gets the last
    one of each. `label` is one of the model's classes.
    """

    label: str
    author: str
    at: datetime  # when it was said
    revision: int = 1
    inference_id: str = ""
    asset: str = ""
    begin: datetime | None = None
    end: datetime | None = None
