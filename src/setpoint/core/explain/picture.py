"""An explained workflow as SVG: a card per task, a frame around what is in a steps or dag template, edges between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

from setpoint.core.explain.layout import Box, Point, place
from setpoint.core.explain.model import Explanation, Task

_ACCENTS = {
    "container": "#2f6feb", "containerSet": "#2f6feb", "script": "#1a7f6b", "suspend": "#bf8700",
    "resource": "#8250df", "http": "#cf5f00", "data": "#0969a9", "plugin": "#a23b72", "steps": "#6e7781",
    "dag": "#6e7781",
}  # fmt: skip
_FRAMES = ("#f6f8fa", "#eef1f4")
_STYLE = """\
text{font-family:ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;fill:#1f2328}
.n{font-size:13px;font-weight:600}.s{font-size:11px;fill:#656d76}.a{font-size:11px}.w{font-size:11px;fill:#9a6700}
.h{font-size:17px;font-weight:600}.c{fill:#fff;stroke:#d0d7de}.f{stroke:#d0d7de}.e{fill:none;stroke:#8c959f;\
stroke-width:1.3}.off{opacity:.45}.open{stroke-dasharray:5 3}.x{stroke-dasharray:2 4}.b{fill:#ddf4ff}\
.bt{font-size:11px;font-weight:600;fill:#0550ae}"""

_WIDEST, _LEAST = 305.0, 120.0
_LONGEST, _LONGEST_NAME = 40, 30  # characters of a line and of a name, so that they stay inside the widest card
_LINE, _TITLE = 16.0, 19.0
_LINES = 6  # of arguments and notes in a card


@dataclass
class _Card(Box):
    """A task with its place. `task` None: a point where edges meet."""

    task: Task | None = None
    lines: list[tuple[str, str]] = field(default_factory=list)  # (class, text)


def draw(explanations: Sequence[Explanation]) -> str:
    """The picture of one or several workflows, side by side."""
    sheet = _Card(0.0, 0.0)
    sheet.children = [_workflow(item) for item in explanations]
    place(sheet)
    body = "\n".join(_draw_all(sheet))
    width, height = round(sheet.width), round(sheet.height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
        f"<style>{_STYLE}</style>\n"
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0.8L7,4L0,7.2z" fill="#8c959f"/></marker></defs>\n'
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _workflow(item: Explanation) -> _Card:
    """A sheet without a frame: head line, the entry, and below it what runs at the end."""
    given = ", ".join(f"{name} = {'?' if value is None else value}" for name, value in item.parameters.items())
    lines = [("h", item.name), *([("s", _cut(given, 90))] if given else [])]
    entry = _card(item.entry)
    handlers = [_card(task.replace(name=f"on {task.name}")) for task in item.handlers]
    width = max(_text_width(text, 17 if kind == "h" else 11) for kind, text in lines) + 32
    sheet = _Card(width, 0.0, head=_LINE * len(lines) + 14, lines=lines)
    sheet.children = [entry, *handlers]
    sheet.edges = [(0, index) for index in range(1, len(sheet.children))]
    return sheet


def _card(task: Task) -> _Card:
    lines = list(_lines(task))
    width = max(_text_width(text, 13 if kind == "n" else 11) for kind, text in lines)
    width = min(max(width + 28 + (40 if task.items else 0), _LEAST), _WIDEST)
    height = _TITLE + _LINE * (len(lines) - 1) + 14
    card = _Card(width, height, task=task, lines=lines)
    if task.tasks:
        card.head = height - 8
        card.children = [_card(child) for child in task.tasks]
        card.edges = list(_edges(task.tasks, card.children))
    return card


def _edges(tasks: Sequence[Task], cards: list[Box]) -> Iterator[tuple[int, int]]:
    """Edges between cards; where each of several waits for the same several, they meet in a point between."""
    places = {task.name: index for index, task in enumerate(tasks)}
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, task in enumerate(tasks):
        groups.setdefault(tuple(name for name in task.after if name in places), []).append(index)
    for names, followers in groups.items():
        if len(names) > 1 and len(followers) > 1:
            meeting = len(cards)
            cards.append(_Card(8.0, 8.0))
            yield from ((places[name], meeting) for name in names)
            yield from ((meeting, follower) for follower in followers)
        else:
            yield from ((places[name], follower) for follower in followers for name in names)


def _lines(task: Task) -> Iterator[tuple[str, str]]:
    yield "n", _cut(task.name, _LONGEST_NAME)
    words = [task.type or "template decided while it runs"]
    words = [task.template, *words] if task.template and task.template != task.name else words
    yield "s", _cut(" · ".join(words) + (" · again" if task.again else ""), _LONGEST)
    more = [("a", f"{name} = {value}") for name, value in task.arguments.items()]
    if task.items is not None and task.items.count is None:
        more.append(("w", f"for each item of {task.items.source}"))
    if task.when:
        more.append(("w", f"if {task.when}"))
    if task.depends:
        more.append(("w", f"after {task.depends}"))
    more += [("s", note) for note in task.notes]
    more += [("s", f"on {handler.name}: {handler.template}") for handler in task.handlers]
    for kind, text in more[:_LINES]:
        yield kind, _cut(" ".join(text.split()), _LONGEST)
    if len(more) > _LINES:
        yield "s", f"… {len(more) - _LINES} more"


def _draw_all(box: Box, depth: int = 0) -> Iterator[str]:
    """Frames first, then edges, then what is inside, so that nothing hides a card."""
    if isinstance(box, _Card):
        yield from _draw(box, depth)
    for route in box.routes:
        arrow = "" if _ends_in_point(box, route) else ' marker-end="url(#arrow)"'
        yield f'<path class="e"{arrow} d="{_curve(route)}"/>'
    for child in box.children:
        inside = isinstance(box, _Card) and box.task is not None
        yield from _draw_all(child, depth + inside)


def _ends_in_point(box: Box, route: Sequence[Point]) -> bool:
    x, y = route[-1]
    return any(
        isinstance(child, _Card) and child.task is None and abs(child.x + 4 - x) < 1 and abs(child.y - y) < 1
        for child in box.children
    )


def _draw(card: _Card, depth: int) -> Iterator[str]:
    task = card.task
    if task is None:
        if card.lines:
            yield from _texts(card, 16)
        elif not card.children:
            yield f'<circle cx="{card.x + 4:.1f}" cy="{card.y + 4:.1f}" r="3" fill="#8c959f"/>'
        return
    look = {True: "", False: " off x", None: " open"}[task.runs]
    group = f"task{look.replace(' open', '')}"
    yield f"<g class={quoteattr(group)} data-name={quoteattr(task.name)}><title>{escape(_tooltip(task))}</title>"
    frame = bool(task.tasks)
    fill = f' fill="{_FRAMES[depth % len(_FRAMES)]}"' if frame else ""
    kind = "f" if frame else "c"
    if task.items is not None:
        for shift in (6, 3):
            yield _rect(card, f'class="{kind}"{fill}', shift)
    yield _rect(card, f'class="{kind}{look.replace(" off", "")}"{fill}', 0)
    accent = _ACCENTS.get(task.type, "#8c959f")
    size = card.head if frame else card.height
    yield (
        f'<rect x="{card.x + 6:.1f}" y="{card.y + 7:.1f}" width="3" height="{size - 14:.1f}" rx="1.5" fill="{accent}"/>'
    )
    yield from _texts(card, 16)
    if task.items is not None:
        yield from _badge(card, task.items.times)
    yield "</g>"


def _rect(card: _Card, look: str, shift: float) -> str:
    return (
        f'<rect {look} x="{card.x + shift:.1f}" y="{card.y + shift:.1f}" width="{card.width:.1f}" '
        f'height="{card.height:.1f}" rx="7"/>'
    )


def _badge(card: _Card, text: str) -> Iterator[str]:
    width = _text_width(text, 11) + 12
    x = card.x + card.width - width - 8
    yield f'<rect class="b" x="{x:.1f}" y="{card.y + 8:.1f}" width="{width:.1f}" height="17" rx="8.5"/>'
    yield f'<text class="bt" x="{x + width / 2:.1f}" y="{card.y + 20.5:.1f}" text-anchor="middle">{escape(text)}</text>'


def _texts(card: _Card, left: float) -> Iterator[str]:
    y = card.y + _TITLE
    for kind, text in card.lines:
        yield f'<text class="{kind}" x="{card.x + left:.1f}" y="{y:.1f}">{escape(text)}</text>'
        y += _LINE


def _curve(points: Sequence[Point]) -> str:
    """Straight through rows, curved between them."""
    path = [f"M{points[0][0]:.1f},{points[0][1]:.1f}"]
    for index, ((x0, y0), (x1, y1)) in enumerate(pairwise(points)):
        if (x0, y0) == (x1, y1):
            continue  # an arrow needs a direction at its end
        if index % 2 == 0 or x0 == x1:
            path.append(f"L{x1:.1f},{y1:.1f}")
        else:
            bend = (y1 - y0) / 2
            path.append(f"C{x0:.1f},{y0 + bend:.1f} {x1:.1f},{y1 - bend:.1f} {x1:.1f},{y1:.1f}")
    return "".join(path)


def _tooltip(task: Task) -> str:
    """Everything about the task, uncut."""
    lines = [f"{task.name}: {task.template} ({task.type})"]
    lines += [f"{name} = {value}" for name, value in task.arguments.items()]
    lines += _said(("if", [task.when]), ("after", [task.depends]), ("", task.notes))
    if task.items is not None:
        lines.append(f"for each item of {task.items.source}")
    return "\n".join(lines)


def _said(*parts: tuple[str, Iterable[str]]) -> list[str]:
    return [f"{word} {text}".strip() for word, texts in parts for text in texts if text]


def _text_width(text: str, size: float) -> float:
    """Rather too wide than too narrow, whatever font is there."""
    return sum(size if ord(char) > 0x2E80 else size * 0.6 for char in text)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
