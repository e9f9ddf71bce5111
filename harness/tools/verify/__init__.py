"""Are the runs of an experiment what they say: files, data, configuration, and the first steps?"""

from harness.tools.verify.show import as_json, print_rows
from harness.tools.verify.verify import Request, Verified, verify

__all__ = ["Request", "Verified", "as_json", "print_rows", "verify"]
