"""What would be refused, or fail when it is used, told before the first byte is sent. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from layerforge.model.counts import count
from layerforge.model.finding import Finding, Severity
from layerforge.model.limits import REQUEST_LIMIT, Limits
from layerforge.model.publishing import PublishSettings
from layerforge.model.sizes import format_size
from layerforge.publish.function_gate import find_function_problems, gate_error
from layerforge.publish.plan import request_size
from layerforge.publish.values import AccountSettings, LiveRegion, Publish, PublishPlan, Wanted


def find_gate_problems(
    wanted: Wanted,
    live: Sequence[LiveRegion],
    plan: PublishPlan,
    settings: PublishSettings,
    limits: Limits,
) -> tuple[Finding, ...]:
    """Everything that stands against carrying out `plan` (errors), and what cannot be known (warnings).

    Judges every function of the manifest as it was built, every live one as it would be, every zip
    against what a request may hold, buckets, and the account's code storage.
    """
    findings = list(find_function_problems(wanted, live, limits))
    for region in live:
        findings += _judge_bucket(region, settings)
        findings += _judge_storage(region, plan)
    return (*findings, *_judge_uploads(plan.publish, settings))


def _judge_bucket(region: LiveRegion, settings: PublishSettings) -> list[Finding]:
    bucket = region.bucket
    if bucket is None:
        return []
    findings = []
    if bucket.region is not None and bucket.region != region.region:
        findings.append(
            gate_error(
                "bucket-region",
                bucket.name,
                f"the bucket {bucket.name} lies in {bucket.region}, and layers of {region.region} can only "
                "be published from a bucket there",
                hint='name a bucket for each region: bucket = "layers-{region}", or a table of them',
            )
        )
    if settings.storage.reference and not bucket.versioned:
        findings.append(
            gate_error(
                "bucket-versions",
                bucket.name,
                f'the bucket {bucket.name} does not keep versions, which storage = "reference" needs',
                hint="turn versioning on, and let lambda.amazonaws.com read the objects, or use storage = "
                '"copy"',
            )
        )
    return findings


def _judge_storage(region: LiveRegion, plan: PublishPlan) -> list[Finding]:
    account = region.account
    new = [step for step in plan.publish if step.region == region.region and not step.upload.reference]
    size = sum(step.layer.zipped_size for step in new)
    if not new:
        return []
    if account is None:
        return [
            Finding(
                severity=Severity.WARNING,
                code="unknown-code-storage",
                subject=region.region,
                sentence=f"how much code the account may still store in {region.region} is not known",
                hint="allow lambda:GetAccountSettings to have it checked",
            )
        ]
    over = account.code_storage_used + size - account.code_storage
    if over <= 0:
        return []
    return [
        gate_error(
            "code-storage",
            region.region,
            f"{region.region} has {_free(account)} left for code, and {count(new, 'layer')} need "
            f"{format_size(size)}: {format_size(over)} ({over:,} bytes) too much",
            hint='`layerforge prune` shows what can go; storage = "reference" keeps layers in your bucket '
            "instead; AWS raises the quota on request",
        )
    ]


def _free(account: AccountSettings) -> str:
    return format_size(max(account.code_storage - account.code_storage_used, 0))


def _judge_uploads(steps: Iterable[Publish], settings: PublishSettings) -> list[Finding]:
    """Zips that are too large for a request; one finding for each, whatever the regions."""
    regions: dict[str, list[Publish]] = {}
    for step in steps:
        if step.upload.bucket is None and request_size(step.layer) >= REQUEST_LIMIT:
            regions.setdefault(step.layer.name, []).append(step)
    return [
        gate_error(
            "direct-upload",
            name,
            f"{name} has {format_size(found[0].layer.zipped_size)} zipped, more than the 50 MB that can be "
            "uploaded directly",
            details=[f"in {', '.join(step.region for step in found)}"],
            hint='set upload = "auto" under [publish]'
            if settings.upload == "direct" and settings.storage.buckets
            else 'name a bucket that it can go through: bucket = "..." under [publish.s3]',
        )
        for name, found in regions.items()
    ]
