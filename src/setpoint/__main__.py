"""`python -m setpoint`, the same as `setpoint`."""

import sys

from setpoint.cli import main

sys.exit(main())
