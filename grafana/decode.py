"""Decodes OTLP/HTTP data with OpenTelemetry's own descriptors and protobuf's own JSON reader.

    python3 grafana/decode.py < bodies        (needs the PyPI package opentelemetry-proto)

Each line is a signal (logs, metrics, traces), a tab, and the body of one request. A member that is not in the descriptors, a
value of another type, an id of a wrong length, a metric or a point without a value: the first ends it with 1.
"""
import base64
import json
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

# OTLP's only difference from protobuf's JSON: ids are hexadecimal (OTLP specification, "JSON Protobuf Encoding").
IDS = {"traceId": 16, "spanId": 8, "parentSpanId": 8}


def ids(members):
    found = dict(members)
    if len(found) != len(members):
        raise ValueError(f"a member is there twice: {[name for name, _ in members]}")
    for name, length in IDS.items():
        if name in found:
            octets = bytes.fromhex(found[name])
            if len(octets) != length:
                raise ValueError(f"{name} has {len(octets)} bytes, not {length}")
            found[name] = base64.b64encode(octets).decode()
    return found


def logs(message):
    return [record for resource in message.resource_logs for scope in resource.scope_logs for record in scope.log_records]


def spans(message):
    return [span for resource in message.resource_spans for scope in resource.scope_spans for span in scope.spans]


def points(message):
    found = []
    for metric in (metric for resource in message.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics):
        kind = metric.WhichOneof("data")
        if kind is None:
            raise ValueError(f"{metric.name} has no data")
        for point in getattr(metric, kind).data_points:
            if kind == "histogram":
                if sum(point.bucket_counts) != point.count or len(point.bucket_counts) != len(point.explicit_bounds) + 1:
                    raise ValueError(f"{metric.name}: the buckets are not those of its count and bounds")
            elif point.WhichOneof("value") is None:
                raise ValueError(f"{metric.name} has a point without a value")
            found.append(point)
    return found


SIGNALS = {
    "logs": (ExportLogsServiceRequest, logs, "records"),
    "metrics": (ExportMetricsServiceRequest, points, "points"),
    "traces": (ExportTraceServiceRequest, spans, "spans"),
}
counts = {signal: [0, 0] for signal in SIGNALS}
for line in sys.stdin:
    signal, body = line.rstrip("\n").split("\t", 1)
    request, entries, _ = SIGNALS[signal]
    try:
        message = json_format.ParseDict(json.loads(body, object_pairs_hook=ids), request())
        counts[signal][0] += 1
        counts[signal][1] += len(entries(message))
    except (ValueError, json_format.ParseError) as error:
        sys.exit(f"{signal}: {error}\n{body[:2000]}")
for signal, (requests, entries) in counts.items():
    if entries == 0:
        sys.exit(f"no {signal} came")
print("decoded with OpenTelemetry's descriptors:", ", ".join(f"{entries} {SIGNALS[signal][2]} in {requests} requests of {signal}" for signal, (requests, entries) in counts.items()))
