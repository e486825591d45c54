"""What the text of a DAG says, worked out once: conditions, who waits for whom, targets, and the order of a walk.

Source: SEMANTICS section 6; argo-workflows `common.ancestry`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from setpoint.apis.argo import DAGTask, Template
from setpoint.core.expr import ExpressionError, depends_tasks, parse_depends
from setpoint.core.workflow.draft import BuildError
from setpoint.core.workflow.state import DagPlan


def plan_dag(name: str, tree: dict[str, Any], template: Template, claim: Callable[[str], str]) -> DagPlan:
    """The plan of a DAG template whose inputs are filled in, for a node of that name.

    Raises: BuildError for an unknown task, target or a cycle (validation refuses those before).
    """
    dag = template.dag
    assert dag is not None  # noqa: S101 (the caller has looked)
    tasks = {task.name: task for task in dag.tasks}
    try:
        texts = {task.name: condition_text(task) for task in dag.tasks}
        conditions = {task: parse_depends(text) for task, text in texts.items() if text}
    except ExpressionError as error:
        raise BuildError(str(error)) from error
    dependencies = {task: depends_tasks(conditions[task]) if task in conditions else () for task in tasks}
    for task, needed in dependencies.items():
        for other in needed:
            if other not in tasks:
                raise BuildError(f"templates.{template.name}.tasks.{task} dependency '{other}' not defined")
    targets = _targets(dag.target, tasks, dependencies)
    order = _walk(targets, dependencies)
    dependants: dict[str, list[str]] = {task: [] for task in order}
    for task in order:
        for other in dependencies[task]:
            dependants[other].append(task)
    names = {task: f"{name}.{task}" for task in tasks}
    return DagPlan(
        order=order,
        dependencies=dependencies,
        dependants={task: tuple(others) for task, others in dependants.items()},
        conditions=conditions,
        targets=targets,
        trees={item["name"]: item for item in tree["dag"]["tasks"]},
        names=names,
        ids=(node_ids := {task: claim(name) for task, name in names.items()}),
        tasks={node_id: task for task, node_id in node_ids.items()},
    )


def condition_text(task: DAGTask) -> str:
    """`depends`, or what `dependencies` mean."""
    return task.depends or " && ".join(task.dependencies)


def _targets(text: str, tasks: dict[str, DAGTask], dependencies: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    if text.strip():
        named = tuple(dict.fromkeys(text.split()))
        for target in named:
            if target not in tasks:
                raise BuildError(f"target {target} does not exist")
        return named
    needed = {other for others in dependencies.values() for other in others}
    leaves = tuple(sorted(task for task in tasks if task not in needed))
    if not leaves:
        raise BuildError("the DAG has a cycle: every task waits for another")
    return leaves


def _walk(targets: tuple[str, ...], dependencies: dict[str, tuple[str, ...]]) -> dict[str, int]:
    """Tasks the targets need, dependencies first; without recursion, for a chain may be long."""
    order: dict[str, int] = {}
    open_tasks: dict[str, None] = {}
    for target in targets:
        stack = [(target, iter(dependencies[target]))] if target not in order else []
        open_tasks[target] = None
        while stack:
            task, rest = stack[-1]
            following = next((other for other in rest if other not in order), None)
            if following is None:
                stack.pop()
                order[task] = len(order)
                open_tasks.pop(task, None)
            elif following in open_tasks:
                raise BuildError(f"the DAG has a cycle through task '{following}'")
            else:
                open_tasks[following] = None
                stack.append((following, iter(dependencies[following])))
    return order
