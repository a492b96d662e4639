"""`stadtmail policy`: check a city's file, publish it, read what holds."""

import argparse
from typing import Any

from stadtmail.doors.console import start
from stadtmail.kit import clock


def add(verbs: Any) -> None:
    """Register the verbs."""
    family = verbs.add_parser("policy", help="a city's policy file").add_subparsers(dest="what", required=True, metavar="WHAT")
    lint = family.add_parser("lint", help="what is missing or contradictory in policies/SLUG.toml (all files without SLUG)")
    lint.add_argument("slug", nargs="*")
    lint.set_defaults(run=run_lint)
    publish = family.add_parser("publish", help="let the file hold from now on")
    publish.add_argument("slug")
    publish.set_defaults(run=run_publish)
    show = family.add_parser("show", help="what holds: every category with its rule")
    show.add_argument("slug")
    show.add_argument("--version", type=int, help="an older version")
    show.set_defaults(run=run_show)


def run_lint(chosen: argparse.Namespace) -> int:
    """Print every finding. Returns 1 where one is an error."""
    start.bare_django()
    from stadtmail.privacy.policy import lint, published

    slugs = chosen.slug or sorted(path.stem for path in published.FOLDER.glob("*.toml"))
    wrong = 0
    for slug in slugs:
        found = lint(slug, now=start.moment())
        errors = [finding for finding in found if finding.severity == "error"]
        wrong += len(errors)
        for finding in found:
            print(f"{slug}: {finding.severity}: {finding.code}: {finding.words.en}")
        print(f"{slug}: {len(errors)} error(s), {len(found) - len(errors)} warning(s)")
    return 1 if wrong else 0


def run_publish(chosen: argparse.Namespace) -> int:
    """Publish the city's file. Returns 1 where the policy is refused."""
    held = start.joining()
    from stadtmail.privacy import policy
    from stadtmail.privacy.policy import actions
    from stadtmail.tenants import queries as tenants

    try:
        row = actions.publish(tenants.city_of_slug(chosen.slug), now=clock.now())
    except policy.PolicyRefused as refused:
        for finding in refused.findings:
            print(f"{chosen.slug}: {finding.severity}: {finding.code}: {finding.words.en}")
        return 1
    finally:
        held.release()
    print(f"{chosen.slug}: version {row.version} holds since {row.since:%Y-%m-%d %H:%M} UTC, SHA-256 {row.digest}")
    return 0


def run_show(chosen: argparse.Namespace) -> None:
    """Print the rules of the version that holds, or of an older one."""
    held = start.joining()
    from stadtmail.privacy import policy
    from stadtmail.tenants import queries as tenants

    city = tenants.city_of_slug(chosen.slug)
    holds = policy.version(city, chosen.version) if chosen.version else policy.current(city)
    held.release()
    print(f"{holds.service}: version {holds.version}, in force since {holds.effective_from:%Y-%m-%d}, SHA-256 {holds.digest}")
    for category in holds.categories.values():
        rule = category.rule
        what = "no rule: without reference to a person" if rule is None else "; ".join(_start(s.event, s.gone_by) for s in rule.starts)
        kept = f"; kept until {_term(rule.keep_until)} after {rule.start}" if rule and rule.keep_until else ""
        print(f"  {category.code:8} {what}{kept}; holds: {', '.join(sorted(category.holds)) or 'none'}")


def _start(event: str, term: Any) -> str:
    return f"gone {_term(term)} after {event}"


def _term(term: Any) -> str:
    return f"{term.period} ({term.kind})"
