"""The private roots of a pod's containers: where they lie, and what is to be seen in them."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from setpoint.adapters.pods import records
from setpoint.adapters.pods.isolation import Bind, Isolation, IsolationReport, PrivateRoot, normal_path
from setpoint.adapters.pods.settings import PodSettings
from setpoint.adapters.pods.volumes import hosts_bind, image_binds, volume_bind
from setpoint.apis.errors import InvalidSpec
from setpoint.ports.launcher import Container, PodRequest


@dataclass(frozen=True, slots=True)
class RootPlan:
    """For the pod whose directory is `folder`."""

    settings: PodSettings
    isolation: IsolationReport
    request: PodRequest
    folder: Path

    def root(self, container: Container, *, with_transfers: bool = False) -> PrivateRoot:
        """The container's root, not built yet; in main's the paths of inputs and outputs are its own.

        Raises: InvalidSpec: It asks for what this host does not allow.
        """
        request = self.request
        declared = ["/argo"] if container.source else []
        if with_transfers:
            groups = (request.artifact_inputs, request.artifact_outputs, request.parameter_outputs)
            declared += [normal_path(item.path) for group in groups for item in group]
        place = records.ROOT if container is request.main else f"{records.OTHER_ROOTS}/{container.name}"
        return PrivateRoot(
            directory=self.folder / place,
            declared=tuple(dict.fromkeys(path for path in declared if path != "/")),
            binds=self._binds(container),
            kept=self.settings.kept,
            working_dir=normal_path(container.working_dir or "/"),
            overlay=self.isolation.overlay,
            rewrite=self.isolation.mode is Isolation.REWRITE,
        )

    def _binds(self, container: Container) -> tuple[Bind, ...]:
        home = Path(self.settings.home)
        binds = [volume_bind(mount, self.folder, home) for mount in container.mounts]
        if self.isolation.mode is not Isolation.REWRITE:
            # where the host has links (/var/run), the directory behind them is what a private root must shadow
            binds = [replace(bind, path=os.path.realpath(bind.path)) for bind in binds]
        binds += image_binds(self.settings.rules, container.image, binds)
        if self.request.host_aliases:
            if self.isolation.mode is Isolation.REWRITE:
                raise InvalidSpec("hostAliases need a private root, which this host does not allow")
            binds.append(hosts_bind(self.request, self.folder))
        return tuple(binds)
