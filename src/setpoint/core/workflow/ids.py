"""Names and identities of nodes, pods and commands: derived from what they name, never drawn.

A node id hashes the node's path name exactly as Argo does, so a client that computes ids finds ours. A pod's launch id
hashes workflow, node and the node's start, so a repeated launch is the same launch and a manual retry is a new one.
Thirty-two bits are few: of 100,000 names two are likely to share a hash. The later one then has a hash of 64 bits.
Source: argo-workflows v4.1.2, `util.NodeID`, `GeneratePodName`; its pull request 16883 for the wide hash.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from functools import lru_cache

_FNV_OFFSET = 2166136261
_FNV_PRIME = 16777619
_FNV_OFFSET_64 = 14695981039346656037
_FNV_PRIME_64 = 1099511628211
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


def fnv1a_64(text: str) -> int:
    """FNV-1a, 64 bit, over the UTF-8 bytes."""
    value = _FNV_OFFSET_64
    for byte in text.encode():
        value = ((value ^ byte) * _FNV_PRIME_64) & 0xFFFFFFFFFFFFFFFF
    return value


@lru_cache(maxsize=8192)  # groups are asked for at every event below them
def node_id(workflow: str, node_name: str) -> str:
    """The id of a node; that of the root is the workflow's name."""
    return node_name if node_name == workflow else f"{workflow}-{fnv1a(node_name)}"


def wide_node_id(workflow: str, node_name: str) -> str:
    """The id of a node whose own one another node has."""
    return f"{workflow}-{fnv1a_64(node_name)}"


def pod_name(workflow: str, template: str, node: str) -> str:
    """The name of the pod of the node with that id; `template` is empty for an inline template."""
    if node == workflow:
        return workflow
    prefix = f"{workflow}-{template}" if template else workflow
    return f"{prefix[:_POD_PREFIX_LIMIT]}-{node.rpartition('-')[2]}"


def display_name(node_name: str, boundary_name: str | None) -> str:
    """The node's name with its boundary's cut from the front, and one leading `[i].` or `.` cut too."""
    if boundary_name is None:
        return node_name
    return _SEPARATOR.sub("", node_name.removeprefix(boundary_name), count=1)


@lru_cache(maxsize=1 << 14)
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
