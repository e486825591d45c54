"""Names of the working columns between the stages; what is exported has names of its own.

Invariant: they begin with two underscores, so no column of a source is hidden by one.
"""

FILE = "__file"  # name of the file that a record came from
RUN = "__run"  # key of the run, text
TIME = "__time"  # UTC in microseconds, or the number of the sample
TARGET = "__target"  # label, text
ORIGIN, PLACE = "__origin", "__place"  # number of the file among all, of the record in it; where parts are planned
