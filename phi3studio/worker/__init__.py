"""The worker: the only importer of the machine learning stack. Runs in processes of its own."""

import sys

# Where it is installed, bitsandbytes and transformers fetch compiled code from the hub with it.
sys.modules["kernels"] = None  # type: ignore[assignment]
