"""The explained workflow as values: a tree of tasks, each with what is known of it before anything runs."""

from __future__ import annotations

from collections.abc import Iterator

from setpoint.apis.meta import Wire


class Case(Wire, frozen=True, kw_only=True):
    """One item of a loop: its name as the node will have it, its arguments, and whether it runs (None: not known)."""

    name: str
    arguments: dict[str, str] = {}
    runs: bool | None = True


class Items(Wire, frozen=True, kw_only=True):
    """What a task loops over. `count` None: not known before it runs; `source` says where the items come from."""

    source: str
    count: int | None = None
    cases: tuple[Case, ...] = ()

    @property
    def times(self) -> str:
        """How many, for people."""
        return f"\N{MULTIPLICATION SIGN}{'?' if self.count is None else self.count}"


class Task(Wire, frozen=True, kw_only=True):
    """One step, task, hook, or the entry.

    Args:
        name: Its name; of the entry the template's.
        type: Type of its template, empty if that is not known.
        template: The template called, `object/template` for one of another object.
        arguments: Inputs of the template by name, filled in as far as known; `from` text of artifacts.
        after: Names of the siblings it waits for.
        depends: The condition on them as written, where it says more than `after`.
        when: The condition, filled in as far as known.
        runs: Whether it runs at all; None if that is decided while it runs.
        items: What it loops over, None for a task that does not.
        notes: Further facts in words: retries, time limits, locks.
        tasks: What a steps or dag template is made of, in the order written.
        handlers: Exit handlers and hooks.
        again: That it is inside a call of the same template, and therefore not unfolded again.
    """

    name: str
    type: str = ""
    template: str = ""
    arguments: dict[str, str] = {}
    after: tuple[str, ...] = ()
    depends: str = ""
    when: str = ""
    runs: bool | None = True
    items: Items | None = None
    notes: tuple[str, ...] = ()
    tasks: tuple[Task, ...] = ()
    handlers: tuple[Task, ...] = ()
    again: bool = False

    def walk(self) -> Iterator[Task]:
        """This task and all below it."""
        yield self
        for child in (*self.tasks, *self.handlers):
            yield from child.walk()


class Explanation(Wire, frozen=True, kw_only=True):
    """A workflow explained. `parameters` are its arguments with the values in force, None for one without."""

    name: str
    kind: str
    entry: Task
    parameters: dict[str, str | None] = {}
    handlers: tuple[Task, ...] = ()

    def walk(self) -> Iterator[Task]:
        """All tasks: the entry with what is below it, then the exit handler and hooks."""
        yield from self.entry.walk()
        for task in self.handlers:
            yield from task.walk()
