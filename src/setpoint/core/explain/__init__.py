"""What a workflow would do, worked out without running it: the tree of its tasks, and a picture of it."""

from setpoint.core.explain.model import Case, Explanation, Items, Task
from setpoint.core.explain.picture import draw
from setpoint.core.explain.plan import explain

__all__ = ["Case", "Explanation", "Items", "Task", "draw", "explain"]
