"""Short words on the fields that people ask `kubectl explain` for; what a type says of itself is in the type."""

from __future__ import annotations

from collections.abc import Mapping

_EVERYWHERE: Mapping[str, str] = {
    "apiVersion": "Group and version of the kind.",
    "kind": "The kind of the object.",
    "metadata": "Name, labels and what else every object has.",
    "spec": "What is wanted.",
    "status": "What has become of it; written by engines.",
}
_OF_TYPE: Mapping[tuple[str, str], str] = {
    ("ObjectMeta", "name"): "Unique among objects of the kind in the namespace; cannot be changed.",
    ("ObjectMeta", "generateName"): "A prefix; the server makes the name by adding to it.",
    ("ObjectMeta", "namespace"): "The namespace, empty for objects of the whole cluster.",
    ("ObjectMeta", "labels"): "What selectors find the object by.",
    ("ObjectMeta", "annotations"): "Anything else that is noted of the object.",
    ("ObjectMeta", "uid"): "Unique in time and space; made by the server.",
    ("ObjectMeta", "resourceVersion"): "Changes with every write; opaque.",
    ("ObjectMeta", "generation"): "Grows with every change of what is wanted.",
    ("ObjectMeta", "creationTimestamp"): "When the object was made.",
    ("ObjectMeta", "deletionTimestamp"): "When its deletion was asked for; it is there until its finalizers are gone.",
    ("ObjectMeta", "finalizers"): "What must be done before the object is gone.",
    ("ObjectMeta", "ownerReferences"): "Objects with which this one is deleted.",
    ("ObjectMeta", "managedFields"): "Which manager set which fields.",
    ("Container", "name"): "Unique in the pod.",
    ("Container", "image"): "What the container is made from.",
    ("Container", "command"): "What is run instead of the image's entrypoint.",
    ("Container", "args"): "Arguments of the command.",
    ("Container", "workingDir"): "Where the command is run.",
    ("Container", "imagePullPolicy"): "Always, IfNotPresent or Never.",
    ("Container", "restartPolicy"): "Always makes an init container run as long as the pod.",
    ("Container", "terminationMessagePath"): "The file whose content tells how the container ended.",
    ("EnvVar", "value"): "Its value; $(NAME) stands for another variable.",
    ("PodSpec", "restartPolicy"): "Always, OnFailure or Never.",
    ("PodSpec", "activeDeadlineSeconds"): "Seconds after which the pod is ended.",
    ("PodSpec", "terminationGracePeriodSeconds"): "Seconds between TERM and KILL.",
    ("PodSpec", "nodeName"): "The machine that the pod runs on.",
    ("PodSpec", "nodeSelector"): "Labels that the machine must have.",
    ("PodSpec", "serviceAccountName"): "Whose rights the pod has.",
    ("PodSpec", "initContainers"): "Containers that run one after the other before the others start.",
    ("PodStatus", "phase"): "Pending, Running, Succeeded, Failed or Unknown.",
    ("JobSpec", "parallelism"): "How many pods run at a time.",
    ("JobSpec", "completions"): "How many pods must succeed.",
    ("JobSpec", "backoffLimit"): "How many pods may fail.",
    ("JobSpec", "completionMode"): "NonIndexed or Indexed.",
    ("JobSpec", "suspend"): "Whether no pods shall run.",
    ("JobSpec", "ttlSecondsAfterFinished"): "Seconds after which a job that has ended is deleted.",
    ("CronJobSpec", "schedule"): "When, in the form of cron.",
    ("CronJobSpec", "timeZone"): "Name of the time zone that the schedule is meant in.",
    ("CronJobSpec", "concurrencyPolicy"): "Allow, Forbid or Replace.",
    ("PersistentVolumeClaimSpec", "accessModes"): "ReadWriteOnce, ReadOnlyMany, ReadWriteMany, ReadWriteOncePod.",
    ("PersistentVolumeClaimSpec", "storageClassName"): "The class of storage.",
    ("Secret", "data"): "Values in base64.",
    ("Secret", "stringData"): "Values as text; only written.",
    ("ConfigMap", "data"): "Values as text.",
    ("ConfigMap", "binaryData"): "Values in base64.",
    ("Event", "type"): "Normal or Warning.",
    ("Event", "reason"): "Why, in one word.",
    ("WorkflowSpec", "entrypoint"): "The template that is run first.",
    ("WorkflowSpec", "templates"): "What the workflow is made of.",
    ("WorkflowSpec", "onExit"): "The template that is run at the end, however it was.",
    ("WorkflowSpec", "parallelism"): "How many pods run at a time.",
    ("WorkflowStatus", "phase"): "Pending, Running, Succeeded, Failed or Error.",
}


def description_of(cls: str, field: str, of_value: str = "") -> str:
    """What a field of a type is, "" if there is no more to say than its name.

    Args:
        cls: The name of the type.
        field: Its name on the wire.
        of_value: What the type of its values says of itself.
    """
    if field == "metadata":
        return _EVERYWHERE[field]
    return _OF_TYPE.get((cls, field)) or of_value or _EVERYWHERE.get(field, "")
