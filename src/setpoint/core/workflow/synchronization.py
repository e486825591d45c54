"""Taking locks for a workflow or a node, and what waits for them.

All locks of a list are taken together or not at all. A node that waits is Pending and has a leaf that holds its call;
when locks have changed, the call is tried again. Source: argo-workflows `TryAcquire`; SEMANTICS section 17.
"""

from __future__ import annotations

from setpoint.apis.argo import NodePhase, NodeSynchronizationStatus, NodeType, Outputs, Synchronization, Template
from setpoint.core.workflow.draft import BuildError, Draft
from setpoint.core.workflow.leaves import node_fields
from setpoint.core.workflow.locks import ADMISSION, Claimant, Lock, LockError, Wait, locks_of
from setpoint.core.workflow.state import Leaf, TemplateCall
from setpoint.core.workflow.timeouts import set_timers, time_limits


def try_locks(d: Draft, holder: str, synchronization: Synchronization) -> str:
    """Take the locks for a holder, or have it wait.

    Returns: The message of who has to wait, "" if the locks are held now.
    Raises: LockError: They can never be had. ContextMissing: A config map has to be fetched first.
    """
    return take_locks(d, holder, locks_of(synchronization, d.ctx.workflow.metadata.namespace))


def take_locks(d: Draft, holder: str, locks: tuple[Lock, ...]) -> str:
    """As `try_locks`, for locks that are known."""
    found = _obstacle(d, holder, locks)
    if found is None:
        d.claims = d.claims.take(holder, locks)
        return ""
    wait, message = found
    d.claims = d.claims.wait(holder, wait)
    return message


def _obstacle(d: Draft, holder: str, locks: tuple[Lock, ...]) -> tuple[Wait, str] | None:
    table, meta = d.ctx.locks, d.ctx.workflow.metadata
    me = Claimant(key=d.key, priority=d.ctx.workflow.spec.priority or 0, created=meta.creation_timestamp)
    limits = {lock: _limit(d, lock) for lock in locks}
    held = {lock: d.claims.held.get(lock, frozenset()) | table.holders(lock.name, but=d.key) for lock in locks}
    for count, (lock, limit) in enumerate(limits.items(), 1):
        if holder in d.claims.held.get(lock, frozenset()):
            continue
        if len(held[lock]) >= limit or not table.is_turn_of(lock.name, me):
            asked = locks[:count] if lock.section == ADMISSION else locks  # to begin, workflows queue for one at a time
            return Wait(locks=asked, missing=lock, holders=held), lock.waiting_message(len(held[lock]), limit)
    return None


def _limit(d: Draft, lock: Lock) -> int:
    """How many may hold the lock; 0 where a cluster could not tell and waits."""
    if lock.config_map is None:
        return lock.limit
    namespace, name, key = lock.config_map
    local = namespace == d.ctx.workflow.metadata.namespace
    data = d.ctx.library.config_map(name if local else f"{namespace}/{name}")
    if data is None and not lock.in_database:
        raise LockError(f'failed to get semaphore configmap: configmaps "{name}" not found')
    if data is None or key not in data:
        if lock.in_database:
            return 0
        raise LockError(f"Sync configuration key '{key}' not found in ConfigMap")
    try:
        return max(0, int(data[key]))
    except ValueError:
        return 0


def has_locks(d: Draft, call: TemplateCall, template: Template) -> bool:
    """Take the locks of a template, or make its node wait for them. Raises: BuildError."""
    if template.synchronization is None:
        return True
    node_id = d.claim(call.name)
    node, holder = d.node(node_id), d.holder(node_id)
    waits = node is not None and node.synchronization_status is not None
    try:
        if node is not None and waits and d.suspended:  # taken up again after a restart: nothing new starts
            locks = locks_of(template.synchronization, d.ctx.workflow.metadata.namespace)
            d.claims = d.claims.wait(holder, Wait(locks=locks, missing=locks[0]))
            _enter_waiting(d, call, template, node_id)
            return False
        message = try_locks(d, holder, template.synchronization)
    except LockError as error:
        raise BuildError(str(error)) from error
    if not message:
        if waits:
            d.unlock(node_id)
        return True
    waiting = NodeSynchronizationStatus(waiting=d.claims.waits[holder].missing.name)
    if node is None:
        fields = node_fields(template)
        kind = node_type(template)
        d.init_node(call, kind, NodePhase.PENDING, message=message, synchronization_status=waiting, **fields)
    elif (node.message, node.synchronization_status) != (message, waiting):
        d.change(node_id, message=message, synchronization_status=waiting)
    leaf = _enter_waiting(d, call, template, node_id)
    if node is None:
        set_timers(d, node_id, leaf)
    return False


def _enter_waiting(d: Draft, call: TemplateCall, template: Template, node_id: str) -> Leaf:
    pending_until, _ = time_limits(template, d.need(node_id).started_at or d.now)
    leaf = Leaf(
        owner=call.owner,
        outputs=Outputs(),
        inputs=template.inputs,
        on_exit=call.on_exit,
        waits=call,
        pending_until=pending_until,
    )
    d.enter_leaf(node_id, leaf)
    return leaf


def node_type(template: Template) -> NodeType:
    """The type of node that a template gets, before it has begun."""
    if template.retry_strategy is not None:
        return NodeType.RETRY
    kinds = {
        "steps": NodeType.STEPS,
        "dag": NodeType.DAG,
        "suspend": NodeType.SUSPEND,
        "http": NodeType.HTTP,
        "plugin": NodeType.PLUGIN,
    }
    return next((kind for field, kind in kinds.items() if getattr(template, field) is not None), NodeType.POD)


def may_go_on(d: Draft, node_id: str) -> bool:
    """Whether a node that waits would get its locks now. Raises: ContextMissing."""
    holder = d.holder(node_id)
    wait = d.claims.waits.get(holder)
    try:
        return wait is None or _obstacle(d, holder, wait.locks) is None
    except LockError:
        return True  # to be told by trying
