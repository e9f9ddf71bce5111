"""Makes the environments that programs run in: `python3 -m harness.tools.environments COMMAND`.

On a machine without an NVIDIA GPU one environment, `.venv`, has all. With one, each backend has an
environment of its own, since wheels for GPUs bring CUDA libraries of different versions into the
same files: `.venv` for the harness, `.venv-torch`, `.venv-tf`. Backends beyond the usual ones are
installed when somebody asks for them.

Only the standard library is used here, and Python 3.8 is enough: this runs before anything is
installed, with whatever `python3` there is, and says so where that is the wrong one.
"""
