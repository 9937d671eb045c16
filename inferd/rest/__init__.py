"""The API at a glance: method, path, handler."""

from functools import partial

from inferd.rest import chat_completion_unified as unified
from inferd.rest import (
    chunk,
    cluster_health,
    delete,
    diagnostics,
    get,
    health,
    inference,
    metrics,
    plugins,
    put,
    root,
    services,
    stream_completion,
    update,
)
from inferd.rest.routing import Route

# What changes endpoints takes the privilege manage_inference; everything else but the probes takes monitor_inference.
Manage = partial(Route, privilege="manage")

ROUTES = (
    Route("GET", "/", root.handle),
    Route("HEAD", "/", root.handle),
    Route("GET", "/_health", health.health),
    Route("GET", "/livez", health.livez, privilege=None),
    Route("GET", "/readyz", health.readyz, privilege=None),
    Route("GET", "/metrics", metrics.handle),
    Route("GET", "/_cluster/health", cluster_health.health, ("wait_for_status", "timeout", "master_timeout")),
    Route("GET", "/_health_report", cluster_health.report),
    Route("GET", "/_cat/plugins", plugins.cat, ("h", "help", "s", "v")),
    Route("GET", "/_nodes/plugins", plugins.nodes),
    Route("GET", "/_inference/_services", services.handle),
    Route("GET", "/_inference/_services/{task_type}", services.handle),
    Route("GET", "/_inference/.diagnostics", diagnostics.handle),
    Route("GET", "/_inference", get.handle),
    Route("GET", "/_inference/_all", get.handle),
    Route("GET", "/_inference/{id}", get.handle),
    Route("GET", "/_inference/{task_type}/{id}", get.handle),
    Manage("PUT", "/_inference/{id}", put.handle, ("timeout",), "required"),
    Manage("PUT", "/_inference/{task_type}/{id}", put.handle, ("timeout",), "required"),
    Manage("PUT", "/_inference/{id}/_update", update.handle, ("timeout", "master_timeout"), "required"),
    Manage("PUT", "/_inference/{task_type}/{id}/_update", update.handle, ("timeout", "master_timeout"), "required"),
    Manage("DELETE", "/_inference/{id}", delete.handle, ("dry_run", "force")),
    Manage("DELETE", "/_inference/{task_type}/{id}", delete.handle, ("dry_run", "force")),
    Route("POST", "/_inference/_chunk", chunk.handle, ("timeout",), "required"),
    Route("POST", "/_inference/{id}", inference.handle, ("timeout",), "required"),
    Route("POST", "/_inference/{task_type}/{id}", inference.handle, ("timeout",), "required"),
    Route("POST", "/_inference/{id}/_stream", stream_completion.handle, ("timeout",), "required", "event"),
    Route("POST", "/_inference/{task_type}/{id}/_stream", stream_completion.handle, ("timeout",), "required", "event"),
    Route("POST", "/_inference/{id}/_unified", unified.handle, ("timeout",), "required", "chat"),
    Route("POST", "/_inference/{task_type}/{id}/_unified", unified.handle, ("timeout",), "required", "chat"),
)
