"""`python -m setpoint.cli`, the same as `setpoint`."""

import sys

from setpoint.cli import main

sys.exit(main())
