#!/bin/sh
# dib runs Python with its own package, of which elements import one module.
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=${0%/*}/python${PYTHONPATH:+:$PYTHONPATH} exec python3 "$@"
