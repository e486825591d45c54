"""Setpoint beside other engines that run a pipeline's tasks on one machine, each task a process of its own."""
