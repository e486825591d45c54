"""run-summary: what a run of the lifecycle pipeline came to, as text and as one self-contained page.

Runs as exit handler, so in every case: it reads the Workflow through the Kubernetes API, takes whatever results
there are, and says which are missing and why.
"""

from setpoint.components.run_summary.component import RunSummary, summarize_run

__all__ = ["RunSummary", "summarize_run"]
