"""How good a model is, how sure that is, and whether it may take over: pure functions of numbers."""

from setpoint.core.metrics.bootstrap import Interval, block_weights, intervals
from setpoint.core.metrics.classification import OVERALL, ClassFigures, Report, Scorer, reliability
from setpoint.core.metrics.detection import Detection, alarm_limit, alarms, by_fault, detect, first_alarm
from setpoint.core.metrics.gate import Check, Decision, GateRules, Verdict, check_rules, decide

__all__ = [
    "OVERALL",
    "Check",
    "ClassFigures",
    "Decision",
    "Detection",
    "GateRules",
    "Interval",
    "Report",
    "Scorer",
    "Verdict",
    "alarm_limit",
    "alarms",
    "block_weights",
    "by_fault",
    "check_rules",
    "decide",
    "detect",
    "first_alarm",
    "intervals",
    "reliability",
]
