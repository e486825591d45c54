"""The `flags` of resource templates: arguments of kubectl, as far as they mean something for the embedded API. Pure.

They can name the object instead of a manifest (`configmap NAME`, `configmap/NAME`, `--selector`). Flags without any
effect here are accepted, the others refused by name. Source: kubectl's reference of create, get, apply, delete, replace
and patch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from setpoint.apis.errors import InvalidSpec, NotSupported

_SHORT = {"l": "selector", "n": "namespace"}
_VALUED = frozenset({"selector", "namespace", "type", "cascade", "grace-period", "timeout", "field-manager"})
_SWITCHES = frozenset(
    {"ignore-not-found", "all", "validate", "wait", "now", "force", "record", "overwrite", "save-config", "server-side",
     "force-conflicts", "cascade"}
)  # fmt: skip
_CASCADES = {"background": "Background", "foreground": "Foreground", "orphan": "Orphan", "true": "Background"}
_MERGES = ("strategic", "merge", "json")


@dataclass(frozen=True, slots=True, kw_only=True)
class KubectlFlags:
    """What the flags say.

    Args:
        kind: A kind by any of its names, "" if the manifest names the object.
        names: Names of objects of that kind.
        selector: Label selector instead of names.
        everything: `--all`: every object of the kind.
        namespace: "" for the workflow's.
        merge: The type of a patch, "" if not given.
        ignore_not_found: Whether it is fine that there is no such object.
        propagation: What becomes of the dependants of what is deleted.
        wait: Whether what is deleted is waited for until it is gone.
    """

    kind: str = ""
    names: tuple[str, ...] = ()
    selector: str = ""
    everything: bool = False
    namespace: str = ""
    merge: str = ""
    ignore_not_found: bool = False
    propagation: str = "Background"
    wait: bool = True


@dataclass
class _Words:
    positional: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)


def parse_flags(flags: Sequence[str]) -> KubectlFlags:
    """Read the flags.

    Raises:
        NotSupported: For a flag that would change something and is not done here; names it.
        InvalidSpec: For one without its value, or with a wrong one.
    """
    words = _words(flags)
    kind, names = _objects(words.positional)
    values = words.values
    merge, cascade = values.get("type", ""), values.get("cascade", "background")
    if merge and merge not in _MERGES:
        raise InvalidSpec(f"flag --type={merge} is no type of patch", path="flags", allowed=_MERGES)
    if cascade not in _CASCADES:
        raise InvalidSpec(f"flag --cascade={cascade} is not known", path="flags", allowed=tuple(_CASCADES))
    return KubectlFlags(
        kind=kind,
        names=names,
        selector=values.get("selector", ""),
        everything=values.get("all", "false") == "true",
        namespace=values.get("namespace", ""),
        merge=merge,
        ignore_not_found=values.get("ignore-not-found", "false") == "true",
        propagation=_CASCADES[cascade],
        wait=values.get("wait", "true") == "true",
    )


def _words(flags: Sequence[str]) -> _Words:
    words = _Words()
    waiting = ""
    for flag in flags:
        if waiting:
            words.values[waiting], waiting = flag, ""
        elif not flag.startswith("-"):
            words.positional.append(flag)
        else:
            waiting = _flag(flag, words)
    if waiting:
        raise InvalidSpec(f"flag --{waiting} needs a value", path="flags")
    return words


def _flag(flag: str, words: _Words) -> str:
    """Note one flag; the name of it if its value is the next word."""
    name, given, value = flag.lstrip("-").partition("=")
    if not flag.startswith("--"):
        value = flag[2:].removeprefix("=")
        name, given = _SHORT.get(flag[1:2], flag[1:2]), value
    if name not in _VALUED | _SWITCHES:
        raise NotSupported(f"flag {flag.partition('=')[0]} of kubectl is not supported", path="flags")
    if given:
        words.values[name] = value
    elif name in _SWITCHES:
        words.values[name] = "true"
    else:
        return name
    return ""


def _objects(positional: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Kind and names, from `KIND NAME...` or `KIND/NAME...`."""
    if not positional:
        return "", ()
    if "/" not in positional[0]:
        return positional[0], tuple(positional[1:])
    pairs = [item.partition("/") for item in positional]
    kinds = {kind for kind, _, _ in pairs}
    if len(kinds) > 1 or not all(name for _, _, name in pairs):
        raise NotSupported("flags that name objects of several kinds are not supported", path="flags")
    return kinds.pop(), tuple(name for _, _, name in pairs)
