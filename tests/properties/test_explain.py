"""Explaining: every task occurs, and no box of the picture lies on another or under an edge."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from setpoint.apis.argo import (
    Container,
    DAGTask,
    DAGTemplate,
    Template,
    TemplateCatalog,
    Workflow,
    WorkflowSpec,
    WorkflowStep,
)
from setpoint.apis.meta import ObjectMeta
from setpoint.core.explain import draw, explain
from setpoint.core.explain.layout import Box, place

LEAF = Template(name="leaf", container=Container(image="alpine"))


@st.composite
def graphs(draw: st.DrawFn, most: int = 12) -> list[tuple[int, int]]:
    """Edges of a graph without a cycle, each from a lower to a higher number."""
    count = draw(st.integers(1, most))
    pairs = [(low, high) for high in range(count) for low in range(high)]
    return [(-1, count), *(draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else [])]


@st.composite
def boxes(draw: st.DrawFn, depth: int = 2) -> Box:
    box = Box(draw(st.floats(10, 300)), draw(st.floats(10, 100)), head=draw(st.floats(0, 40)))
    if depth and draw(st.booleans()):
        (_, count), *edges = draw(graphs(6))
        box.children = [draw(boxes(depth - 1)) for _ in range(count)]
        box.edges = edges
    return box


def overlap(one: Box, other: Box) -> bool:
    slack = 0.01
    return (
        one.x < other.x + other.width - slack
        and other.x < one.x + one.width - slack
        and one.y < other.y + other.height - slack
        and other.y < one.y + one.height - slack
    )


@given(boxes())
def test_no_box_lies_on_another_and_none_leaves_its_frame(root: Box) -> None:
    place(root)
    for box in root.walk():
        assert not any(overlap(one, other) for one, other in combinations(box.children, 2))
        for child in box.children:
            assert child.x >= box.x - 0.01
            assert child.x + child.width <= box.x + box.width + 0.01
            assert child.y >= box.y + box.head - 0.01
            assert child.y + child.height <= box.y + box.height + 0.01


@given(boxes())
def test_every_edge_has_a_route_that_goes_down_and_through_no_box(root: Box) -> None:
    place(root)
    for box in root.walk():
        assert len(box.routes) == len(box.edges)
        for (start, end), route in zip(box.edges, box.routes, strict=True):
            upper, lower = box.children[start], box.children[end]
            assert abs(route[0][1] - upper.y - upper.height) < 0.01
            assert abs(route[-1][1] - lower.y) < 0.01
            assert all(y1 >= y0 - 0.01 for (_, y0), (_, y1) in pairwise(route))
            for (x0, y0), (_, y1) in list(pairwise(route))[::2]:
                line = Box(0.0, y1 - y0, x=x0, y=y0)
                assert not any(overlap(line, other) for other in box.children if other not in (upper, lower))


@given(graphs(), st.lists(st.integers(1, 4), max_size=4))
def test_every_task_and_step_occurs(graph: list[tuple[int, int]], groups: list[int]) -> None:
    (_, count), *edges = graph
    tasks = tuple(
        DAGTask(
            name=f"t{index}",
            template="inner" if index == 0 and groups else "leaf",
            dependencies=tuple(f"t{low}" for low, high in edges if high == index),
        )
        for index in range(count)
    )
    steps = tuple(
        tuple(WorkflowStep(name=f"s{number}-{place}", template="leaf") for place in range(size))
        for number, size in enumerate(groups)
    )
    main = Template(name="main", dag=DAGTemplate(tasks=tasks))
    spec = WorkflowSpec(entrypoint="main", templates=(main, Template(name="inner", steps=steps), LEAF))
    found = explain(Workflow(metadata=ObjectMeta(name="w"), spec=spec), TemplateCatalog())
    names = [task.name for task in found.walk()]
    wanted = ["main", *(task.name for task in tasks), *(step.name for group in steps for step in group)]
    assert sorted(names) == sorted(wanted)
    picture = draw([found])
    assert all(f'data-name="{name}"' in picture for name in wanted)
