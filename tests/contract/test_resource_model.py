"""A random history of verbs leaves every ResourceApi with what a plain dictionary would hold."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from setpoint.apis.core import ConfigMap
from setpoint.apis.errors import AlreadyExists, Conflict, InvalidSpec, NotFound
from setpoint.apis.merge_patch import merge_patch
from setpoint.ports.resources import ResourceApi, WatchType
from tests.contract.implementations import RESOURCE_APIS
from tests.contract.objects import close, config_map, take

NAMES = st.sampled_from(["a", "b", "c"])
DATA = st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(["1", "2"]), max_size=2)
PATCH = st.dictionaries(st.sampled_from(["x", "y"]), st.one_of(st.none(), st.sampled_from(["1", "2"])), max_size=2)
FINALIZERS = st.sampled_from([(), ("setpoint.dev/one",), ("setpoint.dev/one", "setpoint.dev/two")])


@dataclass(frozen=True)
class Known:
    """What the model holds of an object."""

    data: dict[str, str]
    finalizers: tuple[str, ...]
    generation: int
    deleted: bool
    version: str


class Machine(RuleBasedStateMachine):
    """Each rule does the same to the API and to the model, and compares what comes back."""

    implementation = ""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.directory = Path(tempfile.mkdtemp())
        self.stack = AsyncExitStack()
        self.model: dict[str, Known] = {}
        self.stale: dict[str, ConfigMap] = {}
        self.steps = 0
        self.api: ResourceApi

    @initialize()
    def open(self) -> None:
        opener = RESOURCE_APIS[self.implementation](self.directory)
        self.api = self.loop.run(self.stack.enter_async_context(opener))

    def teardown(self) -> None:
        self.loop.run(self.stack.aclose())
        self.loop.close()
        shutil.rmtree(self.directory)

    def know(self, name: str, resource: ConfigMap, **changes: Any) -> None:
        known = self.model.get(name, Known({}, (), 1, False, ""))
        if known.version and int(resource.metadata.resource_version) < int(known.version):
            raise AssertionError("the version went back")
        self.model[name] = replace(known, version=resource.metadata.resource_version, **changes)

    @rule(name=NAMES, data=DATA, finalizers=FINALIZERS)
    def create(self, name: str, data: dict[str, str], finalizers: tuple[str, ...]) -> None:
        resource = config_map(name, finalizers=finalizers).replace(data=data)
        if name in self.model:
            with pytest.raises(AlreadyExists):
                self.loop.run(self.api.create(resource))
            return
        made = self.loop.run(self.api.create(resource))
        self.model[name] = Known(data, finalizers, 1, False, made.metadata.resource_version)
        self.stale[name] = made

    @rule(name=NAMES, data=DATA)
    def update(self, name: str, data: dict[str, str]) -> None:
        if name not in self.model:
            with pytest.raises(NotFound):
                self.loop.run(self.api.update(config_map(name).replace(data=data)))
            return
        found = self.loop.run(self.api.get(ConfigMap, "default", name))
        changed = self.loop.run(self.api.update(found.replace(data=data)))
        known = self.model[name]
        assert (changed.metadata.resource_version == known.version) == (data == known.data)
        self.know(name, changed, data=data, generation=known.generation + (data != known.data))

    @rule(name=NAMES)
    def update_from_a_stale_copy(self, name: str) -> None:
        if name not in self.stale:
            return
        stale, known = self.stale[name], self.model.get(name)
        edit = stale.replace(data={"stale": "1"})
        if known is None:
            with pytest.raises(NotFound):
                self.loop.run(self.api.update(edit))
        elif known.version != stale.metadata.resource_version:
            with pytest.raises(Conflict):
                self.loop.run(self.api.update(edit))

    @rule(name=NAMES, patch=PATCH)
    def patch(self, name: str, patch: dict[str, str | None]) -> None:
        change = self.api.patch(ConfigMap, "default", name, {"data": patch})
        if name not in self.model:
            with pytest.raises(NotFound):
                self.loop.run(change)
            return
        known = self.model[name]
        data = merge_patch(known.data, patch)
        changed = self.loop.run(change)
        assert changed.data == data
        self.know(name, changed, data=data, generation=known.generation + (data != known.data))

    @rule(name=NAMES, finalizers=FINALIZERS)
    def set_finalizers(self, name: str, finalizers: tuple[str, ...]) -> None:
        if name not in self.model:
            return
        known = self.model[name]
        change = self.api.patch(ConfigMap, "default", name, {"metadata": {"finalizers": list(finalizers)}})
        if known.deleted and not set(finalizers) <= set(known.finalizers):
            with pytest.raises(InvalidSpec):
                self.loop.run(change)
            return
        changed = self.loop.run(change)
        self.know(name, changed, finalizers=finalizers)
        if known.deleted and not finalizers:
            del self.model[name]

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        removal = self.api.delete(ConfigMap, "default", name)
        if name not in self.model:
            with pytest.raises(NotFound):
                self.loop.run(removal)
            return
        self.loop.run(removal)
        if not self.model[name].finalizers:
            del self.model[name]
            return
        found = self.loop.run(self.api.get(ConfigMap, "default", name))
        self.know(name, found, deleted=True)

    @rule()
    def reopen(self) -> None:
        self.loop.run(self.stack.aclose())
        self.open()

    @invariant()
    def the_list_is_the_model(self) -> None:
        if not hasattr(self, "api"):
            return
        found = self.loop.run(self.api.list(ConfigMap))
        held = {
            item.metadata.name: Known(
                item.data,
                item.metadata.finalizers,
                item.metadata.generation,
                item.metadata.deletion_timestamp is not None,
                item.metadata.resource_version,
            )
            for item in found.items
        }
        assert held == self.model

    def replay(self) -> None:
        """A watch from the beginning, played back, gives the list."""

        async def played() -> dict[str, ConfigMap]:
            watch = self.api.watch(ConfigMap, since="0")
            await self.api.create(config_map("last"))
            objects: dict[str, ConfigMap] = {}
            while "last" not in objects:
                (event,) = await take(watch, 1)
                if event.type is WatchType.DELETED:
                    assert objects.pop(event.resource.metadata.name)
                else:
                    assert (event.type is WatchType.ADDED) == (event.resource.metadata.name not in objects)
                    objects[event.resource.metadata.name] = event.resource
            await close(watch)
            return objects

        async def both() -> None:
            seen = await played()
            assert tuple(seen[name] for name in sorted(seen)) == (await self.api.list(ConfigMap)).items

        self.loop.run(both())


class ReplayedMachine(Machine):
    """Replays the watch at the end of each history that is short enough to be kept."""

    def teardown(self) -> None:
        try:
            if hasattr(self, "api"):
                self.replay()
        except Conflict:
            pass  # the history is longer than what is kept
        finally:
            super().teardown()


@pytest.mark.parametrize("implementation", sorted(RESOURCE_APIS))
def test_any_history_agrees_with_a_dictionary(implementation: str) -> None:
    machine = type("OfImplementation", (ReplayedMachine,), {"implementation": implementation})
    in_process = implementation == "sqlite"  # each step over a socket costs a hundred times as much
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20 if in_process else 2,
            stateful_step_count=25 if in_process else 12,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
