"""Which policy holds for a city: files are compiled here, published versions are kept for ever in the evidence store.

A contract remembers the version that was shown; whoever was shown one can read it again. The engine asks `current`.
"""

from datetime import datetime
from functools import lru_cache
from pathlib import Path

from stadtmail.kit import clock, config, store
from stadtmail.kit.errors import Conflict, NotFound
from stadtmail.kit.store import writing
from stadtmail.privacy.models import NoticeVersion
from stadtmail.privacy.policy.compiler import PolicyRefused, compile_policy
from stadtmail.privacy.policy.findings import Finding, Findings
from stadtmail.privacy.policy.lint import destinations, examine
from stadtmail.privacy.policy.model import Policy
from stadtmail.tenants.models import Tenant

FOLDER = Path(__file__).resolve().parents[3] / "policies"


class NoSuchNotice(NotFound):
    """The city has not published this version."""


class VersionNotRaised(Conflict):
    """The file has changed, but its version has not grown."""


def read(slug: str) -> bytes:
    """The bytes of a city's policy file. Raises PolicyRefused where there is none."""
    path = FOLDER / f"{slug}.toml"
    if path.parent != FOLDER or not path.is_file():
        raise PolicyRefused([Finding("no_file", "error", f"policies/{path.name}")])
    return path.read_bytes()


def load(slug: str) -> Policy:
    """The policy in the city's file, compiled and without contradictions. Raises PolicyRefused."""
    return _whole(slug, None)


def lint(slug: str, *, now: datetime | None = None) -> Findings:
    """Everything that is wrong with a city's file at this moment (without `now`: by the instance's clock). Never raises."""
    try:
        policy = _compiled(slug)
    except PolicyRefused as refused:
        return refused.findings
    return _examined(policy, now or clock.now())


def publish(tenant: Tenant, now: datetime) -> NoticeVersion:
    """Publish the city's file as the policy that holds from now on; the same file again is no new version.

    Raises PolicyRefused (an error, an expired processing contract, an unlisted destination, not yet in force) and
    VersionNotRaised.
    """
    policy = _whole(tenant.slug, now)
    if policy.domain != tenant.domain:
        raise PolicyRefused([Finding("slug_differs", "error", policy.domain)])
    with writing("evidence"):
        newest = _newest(tenant)
        if newest is not None and newest.digest == policy.digest:
            return newest
        if newest is not None and newest.version >= policy.version:
            raise VersionNotRaised("the policy has changed: raise its version")
        return NoticeVersion.objects.create(
            tenant=tenant.pk, version=policy.version, digest=policy.digest, source=policy.source, since=now
        )


def current(tenant: Tenant) -> Policy:
    """The policy that holds for a city. Raises NoSuchNotice where nothing is published."""
    sql = "SELECT digest FROM privacy_noticeversion WHERE tenant = %s ORDER BY version DESC LIMIT 1"
    newest = store.select(sql, [tenant.pk], "evidence")
    if not newest:
        raise NoSuchNotice("nothing published")
    return _published(*newest[0])


@lru_cache(maxsize=64)
def _published(digest: str) -> Policy:
    """The published policy with this digest: the same file, whoever published it."""
    return compile_policy(bytes(NoticeVersion.objects.filter(digest=digest)[0].source))


def wrong(tenant: Tenant, now: datetime) -> Findings:
    """Errors of the published policy at this moment: contracts that have expired, settings that point to an unlisted place."""
    return [finding for finding in _examined(current(tenant), now) if finding.severity == "error"]


def version(tenant: Tenant, number: int) -> Policy:
    """A version that the city has published, as it was. Raises NoSuchNotice."""
    row = NoticeVersion.objects.filter(tenant=tenant.pk, version=number).first()
    if row is None:
        raise NoSuchNotice("no such version")
    return compile_policy(bytes(row.source))


def versions(tenant: Tenant) -> list[NoticeVersion]:
    """All published versions, the newest first."""
    return list(NoticeVersion.objects.filter(tenant=tenant.pk).order_by("-version"))


def _newest(tenant: Tenant) -> NoticeVersion | None:
    return NoticeVersion.objects.filter(tenant=tenant.pk).order_by("-version").first()


def _compiled(slug: str) -> Policy:
    policy = compile_policy(read(slug))
    if policy.slug != slug:
        raise PolicyRefused([Finding("slug_differs", "error", policy.slug)])
    return policy


def _whole(slug: str, now: datetime | None) -> Policy:
    policy = _compiled(slug)
    errors = [finding for finding in _examined(policy, now) if finding.severity == "error"]
    if errors:
        raise PolicyRefused(errors)
    return policy


def _examined(policy: Policy, now: datetime | None) -> Findings:
    if now is None:
        return examine(policy)
    today = now.astimezone(policy.tz).date()
    found = examine(policy, today=today) + destinations(policy, config.load())
    if policy.effective_from > now:
        found.append(Finding("not_in_force", "error", str(policy.effective_from.date())))
    return found
