"""Arguments of kubectl in resource templates."""

from __future__ import annotations

import pytest

from setpoint.apis.errors import InvalidSpec, NotSupported
from setpoint.core.workflow.kubectl_flags import KubectlFlags, parse_flags

GOOD = {
    "nothing": ([], KubectlFlags()),
    "kind and name": (["workflow", "wf"], KubectlFlags(kind="workflow", names=("wf",))),
    "in one word": (["cm/a", "cm/b"], KubectlFlags(kind="cm", names=("a", "b"))),
    "selector": (["configmap", "--selector", "a=b"], KubectlFlags(kind="configmap", selector="a=b")),
    "short selector": (["cm", "-l", "a=b"], KubectlFlags(kind="cm", selector="a=b")),
    "short in one word": (["cm", "-la=b", "-n", "ns"], KubectlFlags(kind="cm", selector="a=b", namespace="ns")),
    "with an equals sign": (["cm", "--selector=a=b"], KubectlFlags(kind="cm", selector="a=b")),
    "patch": (["cm", "a", "--type=merge"], KubectlFlags(kind="cm", names=("a",), merge="merge")),
    "not found": (["--ignore-not-found"], KubectlFlags(ignore_not_found=True)),
    "not found, said otherwise": (["--ignore-not-found=false"], KubectlFlags()),
    "cascade": (["--cascade=orphan"], KubectlFlags(propagation="Orphan")),
    "without effect": (["--validate=false", "--wait=true", "--grace-period=0", "--force", "--record"], KubectlFlags()),
    "no waiting": (["--wait=false"], KubectlFlags(wait=False)),
    "all": (["cm", "--all"], KubectlFlags(kind="cm", everything=True)),
}


@pytest.mark.parametrize("name", list(GOOD))
def test_flags_are_read(name: str) -> None:
    flags, found = GOOD[name]
    assert parse_flags(flags) == found


BAD = {
    "dry run": (["--dry-run=client"], NotSupported, "flag --dry-run of kubectl is not supported"),
    "output": (["-o", "name"], NotSupported, "flag -o of kubectl is not supported"),
    "no value": (["cm", "--selector"], InvalidSpec, "flag --selector needs a value"),
    "type": (["--type=odd"], InvalidSpec, "flag --type=odd is no type of patch"),
    "cascade": (["--cascade=odd"], InvalidSpec, "flag --cascade=odd is not known"),
    "several kinds": (["cm/a", "wf/b"], NotSupported, "flags that name objects of several kinds are not supported"),
}


@pytest.mark.parametrize("name", list(BAD))
def test_what_is_not_done_is_named(name: str) -> None:
    flags, kind, reason = BAD[name]
    with pytest.raises(kind) as caught:
        parse_flags(flags)
    assert caught.value.reason == reason
