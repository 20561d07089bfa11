"""What is wanted, what AWS has, and the plan between the two: values that nobody has executed yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from layerforge.model.artifact import ManifestFunction
from layerforge.model.publishing import Grant


@dataclass(frozen=True, kw_only=True, slots=True)
class Metadata:
    """What a layer version says of itself. AWS keeps it with the version, and it cannot be changed."""

    description: str
    license: str
    runtimes: frozenset[str]
    architectures: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class WantedLayer:
    """A layer of the manifest as it should be in AWS. Sizes in bytes; `path` as in the manifest."""

    name: str
    path: str
    sha256: str
    code_sha256: str
    zipped_size: int
    unzipped_size: int
    metadata: Metadata


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerVersion:
    """A version as AWS has it. `code_sha256` and `size` are None where nobody asked: lists lack them."""

    name: str
    version: int
    arn: str
    metadata: Metadata
    created: str = ""
    code_sha256: str | None = None
    size: int | None = None

    def is_same(self, wanted: WantedLayer) -> bool:
        """Whether it has exactly the wanted bytes and says the same of itself."""
        return self.code_sha256 == wanted.code_sha256 and self.metadata == wanted.metadata


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """A statement of a layer version's policy. `grant` is None for what no config can ask for."""

    id: str
    grant: Grant | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AttachedLayer:
    """A layer of a live function; `zipped_size` in bytes (AWS does not tell the unzipped one)."""

    arn: str
    zipped_size: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveFunction:
    """A function in AWS, or one version of it. `zipped_size` is that of its code, in bytes.

    `updating`: a change is under way, `failed` why the last one came to nothing. `revision` is None
    where the service gives none.
    """

    name: str
    arn: str
    version: str
    runtime: str | None
    architecture: str
    layers: tuple[AttachedLayer, ...]
    code_sha256: str
    zipped_size: int
    revision: str | None = None
    package_type: str = "Zip"
    updating: bool = False
    failed: str | None = None

    @property
    def layer_arns(self) -> tuple[str, ...]:
        """ARNs in the order in which they are attached."""
        return tuple(layer.arn for layer in self.layers)

    @property
    def account(self) -> str:
        """The account that it is in."""
        return self.arn.split(":")[4]


@dataclass(frozen=True, kw_only=True, slots=True)
class Alias:
    """An alias of a function. `weighted`: a part of its traffic goes to another version."""

    name: str
    version: str
    revision: str | None = None
    weighted: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountSettings:
    """What the account may hold in a region, and what it holds. Bytes."""

    code_storage: int
    code_storage_used: int
    unzipped_limit: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveAlias:
    """The alias that is to be moved, and the layers of the version that it points to."""

    alias: Alias
    layers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveLayer:
    """What a region has of one layer: some of its versions, newest first.

    `newest` is the number of the newest one, 0 where there is none. `policy` is that of the version
    which equals what is wanted; None if there is none such, or nobody asked.
    """

    newest: int = 0
    versions: tuple[LayerVersion, ...] = ()
    policy: tuple[Statement, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveBucket:
    """A bucket. `region` is None where it is not told."""

    name: str
    region: str | None
    versioned: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class MatchedFunction:
    """A function of the manifest and the live one that it is.

    `name` says in words what was looked for; `live` is None if there is none.
    """

    function: str
    name: str
    live: LiveFunction | None
    alias: LiveAlias | None = None
    alias_missing: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerUse:
    """A version of a function (with the aliases that point to it) that has a layer attached."""

    function: str
    version: str
    aliases: tuple[str, ...] = ()

    def __str__(self) -> str:
        aliases = f" ({', '.join(self.aliases)})" if self.aliases else ""
        return f"{self.function}:{self.version}{aliases}"


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveUses:
    """Every version of some layers, and who uses them; `uses` by ARN of the layer version."""

    versions: tuple[LayerVersion, ...]
    uses: Mapping[str, tuple[LayerUse, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveRegion:
    """What one region has of all that is wanted there.

    `account` is None where AWS would not tell; `bucket` where none is needed, `uses` where nothing is
    to be retired. `layers` by name.
    """

    region: str
    layers: Mapping[str, LiveLayer]
    functions: tuple[MatchedFunction, ...] = ()
    account: AccountSettings | None = None
    bucket: LiveBucket | None = None
    uses: LiveUses | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """All that is wanted: layers, and what the functions of the manifest take of them.

    `layer_sizes`: unzipped bytes of layers from elsewhere, by ARN or by ARN without version.
    """

    project: str
    layers: tuple[WantedLayer, ...]
    functions: Mapping[str, ManifestFunction]
    layer_sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def by_name(self) -> dict[str, WantedLayer]:
        """Layers by name."""
        return {layer.name: layer for layer in self.layers}


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """How a zip gets to AWS: in the request (`bucket` None), or as an object; `reference`: it stays one.

    `version` is that of the object, known once it is there and its bucket keeps versions.
    """

    bucket: str | None = None
    key: str | None = None
    reference: bool = False
    version: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Publish:
    """Publish a layer: AWS has no version with these bytes and this metadata.

    `newest` is the number of the newest version when the plan was made: a greater one is later.
    """

    region: str
    layer: WantedLayer
    upload: Upload
    newest: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Reuse:
    """Take a version that AWS has."""

    region: str
    layer: WantedLayer
    version: LayerVersion


@dataclass(frozen=True, kw_only=True, slots=True)
class Permit:
    """Change who may use the version of `layer` that this plan publishes or takes.

    `remove` holds statements to go.
    """

    region: str
    layer: str
    add: tuple[Grant, ...]
    remove: tuple[Statement, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ours:
    """A layer of this plan, whose version may not be known yet."""

    name: str


# What a function is to have attached: a layer of the plan, or the ARN of another.
Slot = Ours | str


@dataclass(frozen=True, kw_only=True, slots=True)
class MoveAlias:
    """Publish a version of the function and point the alias to it (`name` None: only publish it)."""

    name: str | None
    from_version: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Attach:
    """Give a live function other layers. `before` is what it had when the plan was made.

    `after` equals `before` where only the alias is left to move. `remember`: note `before` in a tag.
    """

    region: str
    function: str
    name: str
    arn: str
    before: tuple[str, ...]
    after: tuple[Slot, ...]
    revision: str | None
    alias: MoveAlias | None = None
    remember: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Retire:
    """Delete a version that nobody uses. `size` in bytes, zipped; None where it is not known."""

    region: str
    layer: str
    version: int
    arn: str
    size: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishPlan:
    """What is to be done, in this order: publish, permit, attach, retire."""

    publish: tuple[Publish, ...] = ()
    reuse: tuple[Reuse, ...] = ()
    permit: tuple[Permit, ...] = ()
    attach: tuple[Attach, ...] = ()
    retire: tuple[Retire, ...] = ()

    @property
    def upload_size(self) -> int:
        """Bytes that are sent."""
        return sum(step.layer.zipped_size for step in self.publish)

    @property
    def is_empty(self) -> bool:
        """Whether AWS is already as it should be."""
        return not (self.publish or self.permit or self.attach or self.retire)
