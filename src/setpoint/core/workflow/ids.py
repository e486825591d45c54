"""Names and identities of nodes, pods and commands: derived from what they name, never drawn.

A node id hashes the node's path name exactly as Argo does, so a client that computes ids finds ours. A pod's launch id
hashes workflow, node and the node's start, so a repeated launch is the same launch and a manual retry is a new one.
Source: argo-workflows v4.1.2, `util.NodeID`, `GeneratePodName`; see SEMANTICS section 3.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from functools import lru_cache

_FNV_OFFSET = 2166136261
_FNV_PRIME = 16777619
_POD_PREFIX_LIMIT = 242  # 253 of Kubernetes, less ten digits of hash and the hyphen
_SEPARATOR = re.compile(r"^(\[\d+\])?\.")


def fnv1a(text: str) -> int:
    """FNV-1a, 32 bit, over the UTF-8 bytes.

    >>> fnv1a("hello-world")
    1116541326
    """
    value = _FNV_OFFSET
    for byte in text.encode():
        value = ((value ^ byte) * _FNV_PRIME) & 0xFFFFFFFF
    return value


@lru_cache(maxsize=8192)  # groups are asked for at every event below them
def node_id(workflow: str, node_name: str) -> str:
    """The id of a node; that of the root is the workflow's name."""
    return node_name if node_name == workflow else f"{workflow}-{fnv1a(node_name)}"


def pod_name(workflow: str, template: str, node_name: str) -> str:
    """The name of a node's pod; `template` is empty for an inline template."""
    if node_name == workflow:
        return workflow
    prefix = f"{workflow}-{template}" if template else workflow
    return f"{prefix[:_POD_PREFIX_LIMIT]}-{fnv1a(node_name)}"


def display_name(node_name: str, boundary_name: str | None) -> str:
    """The node's name with its boundary's cut from the front, and one leading `[i].` or `.` cut too."""
    if boundary_name is None:
        return node_name
    return _SEPARATOR.sub("", node_name.removeprefix(boundary_name), count=1)


def pod_id(workflow_uid: str, node: str, started_at: datetime | None) -> str:
    """The launch id of the pod of a node: the same for a repeated order, another after a manual retry.

    Args:
        workflow_uid: uid of the Workflow object.
        node: Node id.
        started_at: When the node was made, from its status.
    """
    return command_id(workflow_uid, node, started_at.isoformat() if started_at else "", "pod")


def command_id(*parts: str) -> str:
    """A file-name-safe id of 32 hex digits for what the parts name together."""
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
