"""Parts of pages that are the same each time: said once a process and language, or once a page. Builtin in every template.

A third of a page's time went into looking the same words up again. What is kept here knows no person, no session and no city.
"""

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token
from django.template.loader import get_template
from django.templatetags.i18n import do_translate
from django.urls import get_script_prefix
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext

register = template.Library()
BEGINNINGS = frozenset({"/", "/en/"})  # of addresses without a session in them
_kept: dict[tuple[str, str], SafeString] = {}


class Said(template.Node):
    """A text of ours in the language of the page."""

    def __init__(self, text: str) -> None:
        self._text, self._said = text, dict[str | None, SafeString]()

    def render(self, context: template.Context) -> SafeString:  # noqa: ARG002
        """The translation, looked up once in each language."""
        language = get_language()
        found = self._said.get(language)
        if found is None:
            words = gettext(self._text.replace("%", "%%")).replace("%%", "%")
            found = self._said[language] = mark_safe(words)  # noqa: S308 - a literal of a template, as Django's own tag shows it
        return found


class Once(template.Node):
    """A part of a page that stands in it twice and is made once: it becomes a variable."""

    def __init__(self, nodes: NodeList, name: str) -> None:
        self.nodelist, self._name = nodes, name

    def render(self, context: template.Context) -> str:
        """Nothing yet: whoever names the variable shows it."""
        context[self._name] = self.nodelist.render(context)
        return ""


def translate(parser: Parser, token: Token) -> template.Node:
    """Django's tag; where it says nothing but a text, that is looked up once."""
    bits = token.split_contents()
    if len(bits) == 2 and bits[1][0] in "\"'" and bits[1][-1] == bits[1][0] and "|" not in bits[1]:
        value = FilterExpression(bits[1], parser).var
        if isinstance(value, str):
            return Said(value)
    return do_translate(parser, token)


@register.tag("once")
def once(parser: Parser, token: Token) -> Once:
    """`{% once NAME %}…{% endonce %}`: make this part and show it wherever `{{ NAME }}` stands."""
    _, name = token.split_contents()
    nodes = parser.parse(("endonce",))
    parser.delete_first_token()
    return Once(nodes, name)


@register.simple_tag(takes_context=True)
def same(context: template.Context, name: str) -> SafeString:
    """A template that says the same on every page of a language; with a session in the address it is made anew."""
    beginning = get_script_prefix()
    if beginning not in BEGINNINGS:
        return _made(context, name)
    found = _kept.get((name, beginning))
    if found is None:
        found = _kept[name, beginning] = _made(context, name)
    return found


def _made(context: template.Context, name: str) -> SafeString:
    return mark_safe(get_template(name).render({}, context["request"]))  # noqa: S308 - a template's own output
