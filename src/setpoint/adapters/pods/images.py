"""Which host environment stands for a container image.

There are no images on one machine: a table maps the image's name to an interpreter, to tools of the host, and to
what the image would run without a command. Pure: it looks names up and starts nothing.
Source: entrypoints as the images declare them; "On one machine without containers" of the Argo notes.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import Wire

_ENTRYPOINTS = Path(__file__).parent / "entrypoints" / "bin"


class ImageKind(StrEnum):
    """What of this host stands for the image."""

    SETPOINT = "setpoint"  # the interpreter that runs Setpoint, with its console scripts on PATH
    PYTHON = "python"  # the same, or a virtual environment if the rule names requirements
    HOST = "host"  # shell and tools of the host


class ImageRule(Wire, frozen=True, kw_only=True):
    """One line of the table. `pattern` is a shell pattern; without a tag in it any tag matches."""

    pattern: str
    kind: ImageKind
    entrypoint: tuple[str, ...] = ()
    default_args: tuple[str, ...] = ()  # the image's CMD: used when neither command nor args are given
    commands: dict[str, tuple[str, ...]] = {}  # own implementations of commands that the host lacks
    requirements: tuple[str, ...] = ()  # lines of a requirements file; only for kind python
    path: tuple[str, ...] = ()  # directories in front of PATH
    files: dict[str, str] = {}  # paths in the image that scripts call, and the files of this host that stand for them
    environment: dict[str, str] = {}


class ResolvedImage(Wire, frozen=True, kw_only=True):
    """What to run, and in which environment."""

    image: str
    kind: ImageKind
    argv: tuple[str, ...]
    requirements: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    warning: str = ""


_HOST_IMAGES = {
    "busybox": ("sh",),
    "alpine": ("/bin/sh",),
    "alpine/*": (),
    "bash": ("bash",),
    "debian": ("bash",),
    "ubuntu": ("bash",),
    "fedora": ("/bin/bash",),
    "centos": ("/bin/bash",),
    "rockylinux": ("/bin/bash",),
    "amazonlinux": ("/bin/bash",),
    "buildpack-deps": ("bash",),
    "curlimages/curl": (),
    "stedolan/jq": (),
    "bitnami/kubectl": (),
}


def _script(name: str) -> tuple[str, ...]:
    return ("/bin/sh", str(_ENTRYPOINTS / name))


def default_rules() -> tuple[ImageRule, ...]:
    """The shipped table; rules from the configuration go before it."""
    host = [
        ImageRule(pattern=pattern, kind=ImageKind.HOST, default_args=shell) for pattern, shell in _HOST_IMAGES.items()
    ]
    argosay, cowsay = _script("argosay"), _script("cowsay")
    own = (str(_ENTRYPOINTS),)
    return (
        ImageRule(pattern="setpoint", kind=ImageKind.SETPOINT, entrypoint=("setpoint",)),
        ImageRule(pattern="*/setpoint", kind=ImageKind.SETPOINT, entrypoint=("setpoint",)),
        ImageRule(pattern="python", kind=ImageKind.PYTHON, default_args=("python3",)),
        ImageRule(
            pattern="argoproj/argosay",
            kind=ImageKind.HOST,
            entrypoint=argosay,
            commands={"argosay": argosay, "/argosay": argosay, "cowsay": cowsay},
            path=own,
            files={"/argosay": str(_ENTRYPOINTS / "argosay")},
        ),
        ImageRule(
            pattern="docker/whalesay",
            kind=ImageKind.HOST,
            default_args=cowsay,
            commands={"cowsay": cowsay},
            path=own,
        ),
        *host,
    )


def image_files(rules: Iterable[ImageRule], image: str) -> dict[str, str]:
    """Paths in the image, and the files of this host that stand for them."""
    rule = next((rule for rule in rules if _matches(rule.pattern, image)), None)
    return rule.files if rule is not None else {}


def resolve(
    rules: Iterable[ImageRule], image: str, command: tuple[str, ...], args: tuple[str, ...], *, path: str = "image"
) -> ResolvedImage:
    """The process that stands for `command` and `args` in the image; the first matching rule counts.

    An unknown image with a command runs on the host's tools, with a warning.
    Raises: InvalidSpec if there is nothing to run: no command, and no entrypoint known for the image.
    """
    rule = next((rule for rule in rules if _matches(rule.pattern, image)), None)
    warning = ""
    if rule is None:
        rule = ImageRule(pattern="*", kind=ImageKind.HOST)
        warning = f"image {image!r} is not in the image table: its command runs with the tools of this host"
    if command:
        own = rule.commands.get(command[0])
        argv = (*own, *command[1:], *args) if own else (*command, *args)
    elif rule.entrypoint:
        argv = (*rule.entrypoint, *args)
    else:
        argv = args or rule.default_args
        own = rule.commands.get(argv[0]) if argv else None
        argv = (*own, *argv[1:]) if own else argv
    if not argv or (warning and not command):
        raise InvalidSpec(
            f"image {image!r} has no entrypoint that is known here: give the template a command, "
            "or add a rule with an entrypoint for the image to the image table",
            path=path,
        )
    return ResolvedImage(
        image=image,
        kind=rule.kind,
        argv=argv,
        requirements=rule.requirements,
        path=rule.path,
        environment=rule.environment,
        warning=warning,
    )


@lru_cache(maxsize=4096)
def _matches(pattern: str, image: str) -> bool:
    name, _, _digest = image.partition("@")
    head, slash, last = name.rpartition("/")
    bare, _, _tag = last.partition(":")
    tagged, untagged = name, head + slash + bare
    wanted = tagged if ":" in pattern.rpartition("/")[2] else untagged
    return any(fnmatchcase(candidate, pattern) for candidate in _without_registry(wanted))


def _without_registry(name: str) -> tuple[str, ...]:
    """The name as written, and as it is within its registry: a first part with a dot or port is a host."""
    host, slash, rest = name.partition("/")
    inner = rest if slash and ("." in host or ":" in host or host == "localhost") else name
    return (name, inner, inner.removeprefix("library/"))
