"""The picture: well formed, every task on it, text escaped and inside its card."""

from __future__ import annotations

from xml.etree import ElementTree

from setpoint.core.explain import Case, Explanation, Items, Task, draw

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: str) -> list[str]:
    return ["".join(item.itertext()) for item in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def test_all_that_is_known_is_drawn() -> None:
    loop = Items(source="[1, 2]", count=2, cases=(Case(name="b(0:1)"), Case(name="b(1:2)")))
    entry = Task(
        name="main",
        type="dag",
        tasks=(
            Task(name="a", type="script", template="work", arguments={"p": "<&>"}),
            Task(name="b", type="container", after=("a",), items=loop, runs=None, when="{{tasks.a.status}} == x"),
            Task(name="c", after=("a",), items=Items(source="{{tasks.a.outputs.result}}"), runs=False),
        ),
    )
    found = texts(draw([Explanation(name="w", kind="Workflow", entry=entry, parameters={"x": "1", "y": None})]))
    times = "\N{MULTIPLICATION SIGN}"
    for wanted in ("w", "x = 1, y = ?", "main", "a", "work · script", "p = <&>", "b", f"{times}2", f"{times}?"):
        assert wanted in found
    assert "if {{tasks.a.status}} == x" in found
    assert "for each item of {{tasks.a.outputs.resu…" in found


def test_several_that_wait_for_the_same_several_meet_in_a_point() -> None:
    names = ("a", "b", "c")
    tasks = [Task(name=name, type="container") for name in names]
    tasks += [Task(name=name.upper(), type="container", after=names) for name in names]
    picture = draw([Explanation(name="w", kind="Workflow", entry=Task(name="main", type="steps", tasks=tuple(tasks)))])
    root = ElementTree.fromstring(picture)
    assert len(list(root.iter(f"{SVG}circle"))) == 1
    assert len([item for item in root.iter(f"{SVG}path") if item.get("class") == "e"]) == 6


def test_many_arguments_are_cut_with_a_count() -> None:
    task = Task(name="n" * 80, type="container", arguments={f"p{index}": "x" * 200 for index in range(9)})
    found = texts(draw([Explanation(name="w", kind="Workflow", entry=task)]))
    assert "… 3 more" in found
    assert max(map(len, found)) <= 40
