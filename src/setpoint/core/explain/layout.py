"""Places for boxes that contain boxes: rows from top to bottom, an edge never through a box.

Each box lays out its children in rows by their longest path, orders a row by the middle of its neighbours, and shifts
boxes sideways as close to them as the order allows. A long edge has a place of its own in every row that it passes.
Source: Sugiyama, Tagawa, Toda: Methods for visual understanding of hierarchical system structures (1981).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

GAP, ROW_GAP, PADDING = 22.0, 46.0, 16.0
_LANE = 10.0  # width that a passing edge takes
_SWEEPS = 8

Point = tuple[float, float]


@dataclass
class Box:
    """A rectangle with, at will, others inside it, joined by edges (indices of `children`).

    `width` and `height` are the least size wanted before `place`, and the size after it; `head` is the space kept free
    above the children.
    """

    width: float
    height: float
    children: list[Box] = field(default_factory=list)
    edges: list[tuple[int, int]] = field(default_factory=list)
    head: float = 0.0
    x: float = 0.0
    y: float = 0.0
    routes: list[tuple[Point, ...]] = field(default_factory=list)

    def walk(self) -> Iterator[Box]:
        """This box and all inside it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass
class _Slot:
    """What stands in a row: a child, or a lane for an edge that passes."""

    width: float
    height: float
    box: Box | None
    above: list[_Slot] = field(default_factory=list)
    below: list[_Slot] = field(default_factory=list)
    at: float = 0.0  # middle
    order: float = 0.0


def place(box: Box) -> None:
    """Sets the sizes and places of the box and everything in it; its own corner stays where it is."""
    _size(box)
    _move(box, 0.0, 0.0)


def _size(box: Box) -> None:
    """Sizes from the inside out, places of children relative to the box."""
    if not box.children:
        return
    for child in box.children:
        _size(child)
    rows, chains = _rows(box)
    _order(rows)
    _shift(rows)
    left = min(slot.at - slot.width / 2 for row in rows for slot in row)
    right = max(slot.at + slot.width / 2 for row in rows for slot in row)
    inner = max(right - left, box.width - 2 * PADDING)
    offset = PADDING - left + (inner - (right - left)) / 2
    tops: list[tuple[float, float]] = []
    y = box.head + PADDING
    for row in rows:
        height = max(slot.height for slot in row)
        for slot in row:
            slot.at += offset
            if slot.box is not None:
                slot.box.x, slot.box.y = slot.at - slot.width / 2, y + (height - slot.height) / 2
        tops.append((y, y + height))
        y += height + ROW_GAP
    box.width, box.height = inner + 2 * PADDING, y - ROW_GAP + PADDING
    box.routes = [_route(start, chain, tops) for start, chain in chains]


def _route(start: int, chain: Sequence[_Slot], tops: Sequence[tuple[float, float]]) -> tuple[Point, ...]:
    """Points of an edge, two per row: where it enters and where it leaves the row, relative to the parent."""
    points: list[Point] = []
    for place_in_chain, slot in enumerate(chain):
        top, bottom = tops[start + place_in_chain]
        if slot.box is not None and place_in_chain == 0:
            points += [(slot.at, slot.box.y + slot.height), (slot.at, bottom)]
        elif slot.box is not None:
            points += [(slot.at, top), (slot.at, slot.box.y)]
        else:
            points += [(slot.at, top), (slot.at, bottom)]
    return tuple(points)


def _rows(box: Box) -> tuple[list[list[_Slot]], list[tuple[int, list[_Slot]]]]:
    """The rows, and for each edge its first row and the slots it passes."""
    level = _levels(len(box.children), box.edges)
    slots = [_Slot(child.width, child.height, child) for child in box.children]
    rows: list[list[_Slot]] = [[] for _ in range(max(level) + 1)]
    for index, slot in enumerate(slots):
        rows[level[index]].append(slot)
    chains: list[tuple[int, list[_Slot]]] = []
    for start, end in box.edges:
        if level[start] >= level[end]:
            continue  # part of a cycle, which lint refuses
        chain = [slots[start]]
        for row in range(level[start] + 1, level[end]):
            lane = _Slot(_LANE, 0.0, None)
            rows[row].append(lane)
            chain.append(lane)
        chain.append(slots[end])
        for upper, lower in pairwise(chain):
            upper.below.append(lower)
            lower.above.append(upper)
        chains.append((level[start], chain))
    return rows, chains


def _levels(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Length of the longest path that leads to each; in a cycle it ends somewhere."""
    level = [0] * count
    for _ in range(count):
        changed = False
        for start, end in edges:
            if level[end] <= level[start] < count:
                level[end], changed = level[start] + 1, True
        if not changed:
            break
    seen = sorted(set(level))  # without holes, whatever a cycle did
    return [seen.index(item) for item in level]


def _order(rows: list[list[_Slot]]) -> None:
    for row in rows:
        for index, slot in enumerate(row):
            slot.order = float(index)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            wanted = {id(slot): _middle(slot.above if down else slot.below, slot.order) for slot in row}
            row.sort(key=lambda slot: wanted[id(slot)])
            for index, slot in enumerate(row):
                slot.order = float(index)


def _middle(neighbours: Sequence[_Slot], own: float) -> float:
    return sum(slot.order for slot in neighbours) / len(neighbours) if neighbours else own


def _shift(rows: list[list[_Slot]]) -> None:
    for row in rows:
        at = 0.0
        for slot in row:
            slot.at = at + slot.width / 2
            at += slot.width + GAP
        middle = (row[0].at + row[-1].at) / 2
        for slot in row:
            slot.at -= middle
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            wanted = []
            for slot in row:
                near = slot.above if down else slot.below
                wanted.append(sum(other.at for other in near) / len(near) if near else slot.at)
            _settle(row, wanted)


def _settle(row: Sequence[_Slot], wanted: Sequence[float]) -> None:
    """The places nearest to those wanted that keep order and gaps: isotonic regression by pooling neighbours."""
    offsets = [0.0]
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + (left.width + right.width) / 2 + GAP)
    pools: list[tuple[float, int]] = []  # (mean, members)
    for want, offset in zip(wanted, offsets, strict=True):
        mean, members = want - offset, 1
        while pools and pools[-1][0] > mean:
            other, more = pools.pop()
            mean, members = (mean * members + other * more) / (members + more), members + more
        pools.append((mean, members))
    means = [mean for mean, members in pools for _ in range(members)]
    for slot, mean, offset in zip(row, means, offsets, strict=True):
        slot.at = mean + offset


def _move(box: Box, dx: float, dy: float) -> None:
    box.x, box.y = box.x + dx, box.y + dy
    box.routes = [tuple((x + box.x, y + box.y) for x, y in route) for route in box.routes]
    for child in box.children:
        _move(child, box.x, box.y)
