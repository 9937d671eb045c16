"""The API at a glance: method, path, handler."""

from inferd.rest import chat_completion_unified as unified
from inferd.rest import chunk, delete, get, health, inference, put, root, stream_completion, update
from inferd.rest.routing import Route

ROUTES = (
    Route("GET", "/", root.handle),
    Route("HEAD", "/", root.handle),
    Route("GET", "/_health", health.health),
    Route("GET", "/livez", health.livez),
    Route("GET", "/readyz", health.readyz),
    Route("GET", "/_inference", get.handle),
    Route("GET", "/_inference/_all", get.handle),
    Route("GET", "/_inference/{id}", get.handle),
    Route("GET", "/_inference/{task_type}/{id}", get.handle),
    Route("PUT", "/_inference/{id}", put.handle, ("timeout",), "required"),
    Route("PUT", "/_inference/{task_type}/{id}", put.handle, ("timeout",), "required"),
    Route("PUT", "/_inference/{id}/_update", update.handle, ("timeout", "master_timeout"), "required"),
    Route("PUT", "/_inference/{task_type}/{id}/_update", update.handle, ("timeout", "master_timeout"), "required"),
    Route("DELETE", "/_inference/{id}", delete.handle, ("dry_run", "force")),
    Route("DELETE", "/_inference/{task_type}/{id}", delete.handle, ("dry_run", "force")),
    Route("POST", "/_inference/_chunk", chunk.handle, ("timeout",), "required"),
    Route("POST", "/_inference/{id}", inference.handle, ("timeout",), "required"),
    Route("POST", "/_inference/{task_type}/{id}", inference.handle, ("timeout",), "required"),
    Route("POST", "/_inference/{id}/_stream", stream_completion.handle, ("timeout",), "required", "event"),
    Route("POST", "/_inference/{task_type}/{id}/_stream", stream_completion.handle, ("timeout",), "required", "event"),
    Route("POST", "/_inference/{id}/_unified", unified.handle, ("timeout",), "required", "chat"),
    Route("POST", "/_inference/{task_type}/{id}/_unified", unified.handle, ("timeout",), "required", "chat"),
)
