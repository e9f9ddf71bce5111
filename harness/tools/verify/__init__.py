"""Are the runs of an experiment what they say: files, data, configuration, and the first steps?"""

from harness.tools.verify.show import as_json, print_rows
from harness.tools.verify.verify import Verification, VerifyRequest, verify

__all__ = ["Verification", "VerifyRequest", "as_json", "print_rows", "verify"]
