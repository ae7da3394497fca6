"""Times renders by Helm: one for each line on standard input, milliseconds on standard output.

    measure.py CHART VALUES_AS_JSON

Needs helm-python-sdk. The chart is loaded once, before the first line.
"""

import json
import sys
import time

from helm_python.chart import Chart

chart, values = Chart.load(sys.argv[1]), json.loads(sys.argv[2])
for _ in sys.stdin:
    started = time.perf_counter()
    chart.render(values, name="cilium", namespace="kube-system", revision=1, is_install=True)
    print((time.perf_counter() - started) * 1000, flush=True)
