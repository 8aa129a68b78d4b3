"""Logging as elements that are written in Python set it up: to standard error, more of it when the build is traced."""
import logging
import os


def setup():
    traced = os.environ.get("DIB_DEBUG_TRACE", "0") not in ("", "0")
    level = logging.DEBUG if traced else logging.INFO
    logging.basicConfig(level=level, format="%(levelname)s %(name)s [-] %(message)s")
