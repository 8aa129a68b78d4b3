#!/bin/bash
# Runs a directory of hooks, for hooks that call it by its path here.
exec dib-run-parts "$@"
