"""Renders charts with Helm itself, for tests: one JSON request a line in, one JSON answer a line out.

Request: {"chart": PATH, "values": {...}, "name": TEXT, "namespace": TEXT, "upgrade": BOOL}
Answer:  {"files": {PATH: TEXT}} or {"error": TEXT}

Needs helm-python-sdk 0.2.2 from PyPI, which carries Helm v4.2.3.
"""

import contextlib
import json
import sys

from helm_python.chart import Chart


# Archives do not change while the tests run; folders do.
loaded = {}


def load(path):
    if not path.endswith(".tgz"):
        return Chart.load(path)
    if path not in loaded:
        loaded[path] = Chart.load(path)
    return contextlib.nullcontext(loaded[path])


def answer(request):
    try:
        with load(request["chart"]) as chart:
            files = chart.render(
                request["values"],
                name=request["name"],
                namespace=request["namespace"],
                revision=1,
                is_install=not request["upgrade"],
                is_upgrade=request["upgrade"],
            )
        return {"files": files}
    except Exception as error:  # the library raises a class of its own for each kind of failure
        return {"error": str(error)}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
