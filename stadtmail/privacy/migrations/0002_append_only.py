"""The evidence store refuses to change or delete what it holds. A migration of its own: 0001 is made anew until the first release."""

from django.db import migrations

from stadtmail.privacy.evidence import append_only


def install(apps, schema_editor):
    if schema_editor.connection.alias == "evidence":
        append_only.install(schema_editor.connection)


class Migration(migrations.Migration):

    dependencies = [("privacy", "0001_initial")]

    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
