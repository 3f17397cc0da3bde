"""Renders or lints a chart with Helm's own SDK.

    python3 helm.py CHART < orders.json > answers.json

Orders is a list of {"values": {…}, "namespace": "…"}; each is answered with {"files": {template: text}} or with
{"error": "what Helm says"}, and the whole with {"answers": […], "lint": ["…"]}. PYTHONPATH says where the SDK is.
"""

import json
import sys

import helm_python


def render(chart, values, namespace):
    try:
        chart.validate_schema(values)
        return {"files": chart.render(values, name="sds-node-agent", namespace=namespace)}
    except helm_python.HelmError as error:
        return {"error": str(error)}


path = sys.argv[1]
orders = json.load(sys.stdin)
with helm_python.Chart.load(path) as chart:
    answers = [render(chart, order["values"], order["namespace"]) for order in orders]
messages = helm_python.lint(path, strict=True, quiet=False)["messages"]
lint = [f'{message["path"]}: {message["error"]}' for message in messages if message["severity"] >= 2]
json.dump({"answers": answers, "lint": lint}, sys.stdout)
