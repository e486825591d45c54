"""The lifecycle components: typed functions that are also Argo templates and commands.

What a package needs to add its own: the decorator, the markers, and an entry point in group `setpoint.components`.
"""

from setpoint.components._component import GROUP, Component, Input, Output, component, load, names
from setpoint.components._runner import Arguments, parse_arguments, run_component, run_component_async, say
from setpoint.components._template import IMAGE, template_of, usage

__all__ = [
    "GROUP",
    "IMAGE",
    "Arguments",
    "Component",
    "Input",
    "Output",
    "component",
    "load",
    "names",
    "parse_arguments",
    "run_component",
    "run_component_async",
    "say",
    "template_of",
    "usage",
]
