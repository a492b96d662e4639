"""What granian serves: `granian --interface wsgi stadtmail.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stadtmail.settings")
application = get_wsgi_application()
