"""Adds to pyproject.toml what it cannot say: the C library is compiled as one cffi extension for the stable ABI."""

from setuptools import setup

setup(
    cffi_modules=["flowrs/core/_build.py:ffibuilder"],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
