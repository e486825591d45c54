"""What turned out to be true of an answer, said later than it by people or historians."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from setpoint.apis.errors import InvalidSpec
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


Key = tuple[str, str, datetime | None, datetime | None]


def key_of(label: Label) -> Key:
    """What the label speaks of."""
    return (label.inference_id, label.asset, label.begin, label.end)


def check_label(label: Label) -> None:
    """Raises: InvalidSpec unless it has a text, an author, and exactly one key that makes sense."""
    if not label.label or not label.author:
        raise InvalidSpec("a label has a text and an author", path="label" if not label.label else "author")
    interval = bool(label.asset) or label.begin is not None or label.end is not None
    if bool(label.inference_id) == interval:
        raise InvalidSpec("a label speaks either of an inference id, or of an asset from one moment to another")
    if not interval:
        return
    if label.begin is None or label.end is None:
        raise InvalidSpec("an interval has a begin and an end", path="begin" if label.begin is None else "end")
    if label.begin.tzinfo is None or label.end.tzinfo is None:
        raise InvalidSpec("a moment says its time zone, such as 2026-03-01T08:00:00Z", path="begin")
    if label.end <= label.begin:
        raise InvalidSpec(f"the interval ends at {label.end}, not after it begins at {label.begin}", path="end")


def revise(known: Iterable[Label], said: Iterable[Label]) -> list[Label]:
    """The statements that are new, each with its revision: what an author has said last of a key is no news."""
    last = {key_of(label): label for label in known}
    new = []
    for label in said:
        before = last.get(key_of(label))
        if before is not None and (before.label, before.author) == (label.label, label.author):
            continue
        label = label.replace(revision=1 if before is None else before.revision + 1)
        last[key_of(label)] = label
        new.append(label)
    return new


def latest(labels: Iterable[Label]) -> tuple[Label, ...]:
    """The last statement of each key, in the order in which keys were first spoken of."""
    last: dict[Key, Label] = {}
    for label in labels:
        last[key_of(label)] = label
    return tuple(last.values())
