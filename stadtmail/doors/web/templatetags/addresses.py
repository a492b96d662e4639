"""The tag `url` of every template: a page has fifty addresses, and finding each anew takes as long as all queries together.

What is remembered is the address of a page that is the same for everybody, without its beginning: language and, where there is one, the
session are put before it each time.
"""

from functools import cache

from django import template
from django.urls import get_script_prefix, reverse

register = template.Library()


@register.simple_tag
def url(name: str, *args: str | int) -> str:
    """Address of a page, by its name in the URL table."""
    return reverse(name, args=args) if args else get_script_prefix() + _behind(name)


@cache
def _behind(name: str) -> str:
    return reverse(name).removeprefix(get_script_prefix())
