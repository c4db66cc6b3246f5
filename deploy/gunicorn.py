"""How the web server runs, in `make run`, on a server of one's own and in the tests alike."""

import gc
import os

from loyalty_crm.kernel import logs

host, port = os.environ.get("HOST", "127.0.0.1"), os.environ.get("PORT", "8000")

bind = f"{host}:{port}"
wsgi_app = "loyalty_crm.wsgi"
worker_class = "gthread"
workers = int(os.environ.get("WEB_PROCESSES", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
timeout = 60
graceful_timeout = 15
keepalive = 15
# Requests are logged by the application, with their id and without their query.
accesslog = None
logconfig_dict = {
    **logs.as_json(os.environ.get("LOG_LEVEL", "INFO")),
    "loggers": {"gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True}},
}
# The workers' heartbeat is a file: on a slow disk it would get healthy workers killed.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None
control_socket_disable = True


def post_worker_init(worker: object) -> None:
    """What is loaded once is not searched for garbage with every hundredth request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
