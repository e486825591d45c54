"""What a container's process is: its words, its environment, the script it runs.

Texts of the container are rendered for its root, which maps its paths where the host allows no private root.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from setpoint.adapters.pods import records
from setpoint.adapters.pods.images import ImageKind, ResolvedImage
from setpoint.adapters.pods.isolation import PrivateRoot
from setpoint.adapters.pods.preload import STEP_ENVIRONMENT, entry_point_of
from setpoint.adapters.pods.processes import find_program
from setpoint.adapters.pods.programs import EntryPoint, Program, script_of
from setpoint.adapters.pods.settings import PodSettings
from setpoint.apis.pods import SCRIPT_PATH
from setpoint.ports.launcher import Container


def write_script(container: Container, root: PrivateRoot) -> None:
    """The file of a script template, if it is one."""
    if container.source:
        script = root.locate(SCRIPT_PATH)
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(root.render(container.source))
        script.chmod(0o755)


def argv_of(container: Container, image: ResolvedImage, root: PrivateRoot) -> tuple[str, ...]:
    """Program and arguments; a script's path comes last."""
    script = (str(root.locate(SCRIPT_PATH)),) if container.source else ()
    return (*(root.render(word) for word in image.argv), *script)


def environment_of(
    container: Container, image: ResolvedImage, root: PrivateRoot, path: str, settings: PodSettings, folder: Path
) -> dict[str, str]:
    """The kubelet's own variables, then the settings', the image's and the container's."""
    own = {
        "PATH": path,
        "HOME": str(Path.home()),
        "LANG": "C.UTF-8",
        "TMPDIR": str(root.locate("/tmp")),  # noqa: S108 - the container's own
        "PYTHONUNBUFFERED": "1",
    }
    if image.kind is not ImageKind.HOST:
        own |= STEP_ENVIRONMENT
    if image.kind is ImageKind.SETPOINT and settings.python_path:
        own["PYTHONPATH"] = ":".join(settings.python_path)
    given = {name: root.render(value) for name, value in container.env.items()}
    return own | settings.environment | image.environment | given | {records.POD_VARIABLE: str(folder)}


def program_of(
    container: Container,
    image: ResolvedImage,
    argv: tuple[str, ...],
    environment: dict[str, str],
    working_dir: str,
    settings: PodSettings,
    *,
    warm: bool,
) -> Program | None:
    """What a fork of the calling process can be in place of the command; None if that has to be started.

    A warm process is for console scripts alone: what it has imported would be found by any other program too.
    """
    if warm:
        name = entry_point_of(settings, container)
        return EntryPoint(name, argv) if name else None
    if image.kind is not ImageKind.PYTHON or settings.python_path:
        return None
    with suppress(OSError):  # not found: to start it will say so
        return script_of(argv, environment, find_program(argv[0], environment), working_dir)
    return None
