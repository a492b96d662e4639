"""What granian serves: `granian --interface wsgi stadtmail.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

from stadtmail.kit import log

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stadtmail.settings")
log.install("web")  # every worker: Django's own loggers would write addresses, and with them sessions in addresses
application = get_wsgi_application()
