"""From what is wanted and what AWS has to what is to be done. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from layerforge.model.limits import REQUEST_LIMIT
from layerforge.model.publishing import AttachSettings, Grant, PublishSettings, StorageSettings
from layerforge.publish.ownership import Ownership, replace_ours
from layerforge.publish.retirement import find_unused
from layerforge.publish.values import (
    Attach,
    LayerVersion,
    LiveFunction,
    LiveLayer,
    LiveRegion,
    MatchedFunction,
    MoveAlias,
    Ours,
    Permit,
    Publish,
    PublishPlan,
    Retire,
    Reuse,
    Slot,
    Upload,
    Wanted,
    WantedLayer,
)

# What a request holds beside the zip and the metadata: names of keys, quotes, commas.
_REQUEST_FRAME = 512


def make_publish_plan(wanted: Wanted, live: Sequence[LiveRegion], settings: PublishSettings) -> PublishPlan:
    """Plan what makes AWS as it is wanted: nothing is published that is there already.

    Functions that were matched take the layers; versions are retired in regions whose uses are known.
    """
    publish: list[Publish] = []
    reuse: list[Reuse] = []
    permit: list[Permit] = []
    attach: list[Attach] = []
    retire: list[Retire] = []
    for region in live:
        taken: dict[str, LayerVersion] = {}
        for layer in wanted.layers:
            there = region.layers[layer.name]
            same = find_same(there.versions, layer)
            if same is None:
                upload = _choose_upload(layer, region, settings)
                publish.append(Publish(region=region.region, layer=layer, upload=upload, newest=there.newest))
            else:
                taken[layer.name] = same
                reuse.append(Reuse(region=region.region, layer=layer, version=same))
            permit += _permit(layer, region.region, there if same else None, settings.permissions)
        here = _attach(wanted, region, taken, settings.attach)
        attach += here
        retire += _retire(wanted, region, here, taken.values(), settings.keep)
    return PublishPlan(
        publish=tuple(publish),
        reuse=tuple(reuse),
        permit=tuple(permit),
        attach=tuple(attach),
        retire=tuple(retire),
    )


def find_same(versions: Iterable[LayerVersion], wanted: WantedLayer) -> LayerVersion | None:
    """The newest version with exactly the wanted bytes and metadata."""
    same = [version for version in versions if version.is_same(wanted)]
    return max(same, key=lambda version: version.version, default=None)


def request_size(layer: WantedLayer) -> int:
    """Bytes of the request that publishes a layer directly: the zip in base64, and what is said of it."""
    metadata = layer.metadata
    texts = (metadata.description, metadata.license, *metadata.runtimes, *metadata.architectures)
    # JSON writes a character beyond ASCII as \uXXXX, or as two of these.
    told = sum(12 if character > "~" else 2 for text in texts for character in text)
    return -(-layer.zipped_size // 3) * 4 + told + _REQUEST_FRAME


def object_key(layer: WantedLayer, storage: StorageSettings) -> str:
    """The key of a layer's object: its digest, so that equal zips are one object and none is overwritten."""
    return f"{storage.prefix}{layer.sha256}.zip"


def _choose_upload(layer: WantedLayer, region: LiveRegion, settings: PublishSettings) -> Upload:
    storage = settings.storage
    wants_s3 = settings.upload == "s3" or storage.reference
    too_large = settings.upload == "auto" and request_size(layer) >= REQUEST_LIMIT
    if region.bucket is None or not (wants_s3 or too_large):
        return Upload()
    return Upload(bucket=region.bucket.name, key=object_key(layer, storage), reference=storage.reference)


def _permit(
    layer: WantedLayer, region: str, there: LiveLayer | None, grants: tuple[Grant, ...] | None
) -> list[Permit]:
    """Make a version's policy what the config says; without [publish.permissions] it is left alone."""
    if grants is None:
        return []
    policy = (there.policy or ()) if there else ()
    held = {statement.grant for statement in policy}
    add = tuple(grant for grant in grants if grant not in held)
    remove = tuple(statement for statement in policy if statement.grant not in grants)
    return [Permit(region=region, layer=layer.name, add=add, remove=remove)] if add or remove else []


def _attach(
    wanted: Wanted, region: LiveRegion, taken: Mapping[str, LayerVersion], settings: AttachSettings
) -> list[Attach]:
    ownership = Ownership(project=wanted.project, names=frozenset(wanted.by_name))
    arns = {name: version.arn for name, version in taken.items()}
    steps = []
    for matched in region.functions:
        if matched.live is None:
            continue
        after = replace_ours(matched.live, wanted.functions[matched.function].layers, ownership)
        steps.append(_attach_one(matched, matched.live, after, resolve(after, arns), region.region, settings))
    return [step for step in steps if step is not None]


def _attach_one(
    matched: MatchedFunction,
    live: LiveFunction,
    after: tuple[Slot, ...],
    known: tuple[str, ...] | None,
    region: str,
    settings: AttachSettings,
) -> Attach | None:
    changes = known != live.layer_arns
    alias = _alias_move(matched, known, settings, changes=changes)
    if not changes and alias is None:
        return None
    return Attach(
        region=region,
        function=matched.function,
        name=live.name,
        arn=live.arn,
        before=live.layer_arns,
        after=after,
        revision=live.revision,
        alias=alias,
        remember=settings.remember and changes,
    )


def resolve(slots: Sequence[Slot], arns: Mapping[str, str]) -> tuple[str, ...] | None:
    """ARNs of all slots; None as long as one of ours has no version."""
    found = [arns.get(slot.name) if isinstance(slot, Ours) else slot for slot in slots]
    return None if None in found else tuple(arn for arn in found if arn is not None)


def _alias_move(
    matched: MatchedFunction, known: tuple[str, ...] | None, settings: AttachSettings, *, changes: bool
) -> MoveAlias | None:
    if matched.alias is not None:
        # Judged by what the alias serves now: an earlier run may have stopped before moving it.
        if known == matched.alias.layers:
            return None
        return MoveAlias(name=matched.alias.alias.name, from_version=matched.alias.alias.version)
    return MoveAlias(name=None) if settings.publish_version and changes else None


def _retire(
    wanted: Wanted,
    region: LiveRegion,
    attach: Sequence[Attach],
    taken: Iterable[LayerVersion],
    keep: int,
) -> list[Retire]:
    """What nobody uses once this plan is carried out: what is replaced on $LATEST counts as unused."""
    if region.uses is None:
        return []
    current = {version.arn for version in taken}
    after = {step.name: {slot for slot in step.after if isinstance(slot, str)} for step in attach}
    uses = {
        arn: tuple(
            use
            for use in users
            if use.function not in after or use.version != "$LATEST" or arn in after[use.function]
        )
        for arn, users in region.uses.uses.items()
    }
    added = {layer.name for layer in wanted.layers} - {version.name for version in taken}
    unused = find_unused(region.uses.versions, uses, keep=keep, kept=current, additional=frozenset(added))
    return [
        Retire(
            region=region.region,
            layer=version.name,
            version=version.version,
            arn=version.arn,
            size=version.size,
        )
        for version in unused
    ]
