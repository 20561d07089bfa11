"""What AWS and its SDK say when something fails, in one sentence, with what to do next.

Codes: https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html, the errors in botocore's
service models, and https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from layerforge.model.url import redact
from layerforge.publish.client import CallError, Failure

_DENIED = frozenset({
    "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "AuthorizationError", "Forbidden", "403",
    "NotAuthorized", "UnauthorizedOperation", "UnauthorizedException",
})  # fmt: skip
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"})
_UNKNOWN_KEY = frozenset({
    "AuthFailure", "IncompleteSignature", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidToken",
    "MissingAuthenticationToken", "MissingAuthenticationTokenException", "NotSignedUp", "OptInRequired",
    "UnrecognizedClientException",
})  # fmt: skip
_SIGNATURE = frozenset({
    "AuthorizationHeaderMalformed", "InvalidSignatureException", "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
})  # fmt: skip
_THROTTLED = frozenset({
    "TooManyRequestsException", "Throttling", "ThrottlingException", "ThrottledException",
    "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "SlowDown", "429",
})  # fmt: skip
_NOT_FOUND = frozenset({
    "ResourceNotFoundException", "NotFound", "NoSuchBucket", "NoSuchKey", "NoSuchUpload", "404",
})  # fmt: skip
_CHANGED = frozenset({"PreconditionFailedException", "PreconditionFailed"})
_CONFLICT = frozenset({"ResourceConflictException", "ConflictException", "OperationAborted"})
_SERVER_ERROR = 500
_TOO_LARGE = 413

_PERFORM = re.compile(r"perform: (?P<action>[a-z0-9-]+:[A-Za-z0-9*]+)")
_WHO = re.compile(r"User: (?P<who>\S+) is not authorized")
# Actions that are not called like their operation. Source: the service authorization reference,
# https://docs.aws.amazon.com/service-authorization/latest/reference/
_ACTIONS = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:GetBucketVersioning": "s3:GetBucketVersioning",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:UploadPart": "s3:PutObject",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "lambda:GetLayerVersionByArn": "lambda:GetLayerVersion",
}
_RENEW = (
    "renew them (`aws sso login`, or a new session token), then run the same command again: what is done "
    "stays done"
)
_WHERE_CREDENTIALS = (
    "log in (`aws sso login`, `aws configure`), name a profile with --profile, or set AWS_ACCESS_KEY_ID "
    "and AWS_SECRET_ACCESS_KEY"
)
_AGAIN = "run the same command again: what is done stays done"


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """What was asked of whom. `service` as IAM spells it (`lambda`, `s3`, `cloudformation`, `tag`, `sts`)."""

    service: str
    operation: str
    region: str
    subject: str = ""
    endpoint: str | None = None

    @property
    def action(self) -> str:
        """The IAM action that allows it."""
        name = f"{self.service}:{self.operation}"
        return _ACTIONS.get(name, name)


def translate(error: Exception, call: Call) -> CallError:
    """Turn what the SDK raised into a CallError. What is not the SDK's is raised again as it is: a bug."""
    if isinstance(error, sdk.ClientError):
        return _answered(error.response, call)
    if isinstance(error, sdk.BotoCoreError):
        return _credentials(error) or _configuration(error, call) or _network(error, call)
    if isinstance(error, ResponseParserError):
        return CallError(f"what answers at {_place(call)} is not AWS", hint=_check(call))
    raise error


def _answered(response: Mapping[str, Any], call: Call) -> CallError:
    told = response.get("Error", {})
    code, message = str(told.get("Code", "")), redact(str(told.get("Message", "")))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    about = f" for {call.subject}" if call.subject else ""
    if code in _DENIED:
        return _denied(code, message, call)
    if code in _EXPIRED or ("expired" in message.lower() and code in _UNKNOWN_KEY | _SIGNATURE):
        return CallError(
            "the AWS credentials have expired", failure=Failure.CREDENTIALS, code=code, hint=_RENEW
        )
    if code in _UNKNOWN_KEY:
        return CallError(
            f"AWS does not know these credentials in {call.region} ({code})",
            failure=Failure.CREDENTIALS,
            code=code,
            hint=f"{_WHERE_CREDENTIALS}; a region that the account has not enabled answers like this too",
        )
    if code in _SIGNATURE:
        return CallError(
            f"AWS does not accept the signature of the request ({code})",
            failure=Failure.CREDENTIALS,
            code=code,
            hint="check the secret access key, and the clock of this machine",
        )
    if code in _THROTTLED:
        return CallError(
            f"AWS still says that there are too many requests in {call.region} ({call.operation}, {code})",
            failure=Failure.THROTTLED,
            code=code,
            hint=f"wait a little and use fewer --jobs; {_AGAIN}",
        )
    if code in _NOT_FOUND or (code == "ValidationError" and "does not exist" in message):
        return CallError(
            f"there is no such thing in {call.region}{about}: {message or call.operation}",
            failure=Failure.NOT_FOUND,
            code=code,
        )
    return _other(code, message, status, call)


def _other(code: str, message: str, status: int, call: Call) -> CallError:
    about = f" for {call.subject}" if call.subject else ""
    if code in _CHANGED:
        return CallError(
            f"{call.subject or 'it'} was changed by someone else in between",
            failure=Failure.CHANGED,
            code=code,
            hint="run the same command again: it looks at what is there now",
        )
    if code == "CodeStorageExceededException":
        return CallError(
            f"the account has no room left for code in {call.region}",
            code=code,
            details=[message],
            hint="`layerforge prune` shows what can go; AWS raises the quota on request",
        )
    if code == "RequestEntityTooLargeException" or status == _TOO_LARGE:
        return CallError(
            f"the request is too large{about}",
            code=code,
            details=[message],
            hint='let it go through S3: bucket = "..." under [publish.s3]',
        )
    if status >= _SERVER_ERROR:
        return CallError(
            f"AWS had an error of its own in {call.region} ({call.operation}, {code or status})",
            failure=Failure.UNCERTAIN,
            code=code,
            hint=_AGAIN,
        )
    failure = Failure.CONFLICT if code in _CONFLICT else Failure.REFUSED
    return CallError(
        f"AWS refuses {call.operation}{about} in {call.region}: {message or code}", failure=failure, code=code
    )


def _denied(code: str, message: str, call: Call) -> CallError:
    named, who = _PERFORM.search(message), _WHO.search(message)
    action = named["action"] if named else call.action
    by = f" to {who['who']}" if who else ""
    about = f" for {call.subject}" if call.subject else ""
    return CallError(
        f"{action} is not allowed{by} in {call.region}{about}",
        failure=Failure.DENIED,
        code=code,
        details=[message] if message and "explicit deny" in message else [],
        hint=f"allow {action} in its policy; docs/how-to/publish.md has the whole policy",
    )


def _credentials(error: sdk.BotoCoreError) -> CallError | None:
    if isinstance(error, sdk.NoCredentialsError):
        sentence, hint = "there are no AWS credentials", _WHERE_CREDENTIALS
    elif isinstance(error, sdk.PartialCredentialsError):
        sentence, hint = f"the AWS credentials are not complete: {_told(error)}", _WHERE_CREDENTIALS
    elif isinstance(error, sdk.ProfileNotFound):
        sentence, hint = (
            f"there is no profile {error.kwargs.get('profile', '')} in the AWS configuration",
            "`aws configure list-profiles` shows them",
        )
    elif isinstance(
        error, sdk.UnauthorizedSSOTokenError | sdk.SSOError | sdk.LoginError | sdk.TokenRetrievalError
    ):
        sentence, hint = "the login to AWS has expired", _RENEW
    elif isinstance(
        error,
        sdk.CredentialRetrievalError | sdk.MetadataRetrievalError | sdk.UnknownCredentialError
        | sdk.RefreshWithMFAUnsupportedError | sdk.NoAuthTokenError,
    ):  # fmt: skip
        sentence, hint = f"the AWS credentials cannot be had: {_told(error)}", _WHERE_CREDENTIALS
    else:
        return None
    return CallError(sentence, failure=Failure.CREDENTIALS, hint=hint)


def _configuration(error: sdk.BotoCoreError, call: Call) -> CallError | None:
    if isinstance(error, sdk.NoRegionError):
        return no_region()
    if isinstance(error, sdk.InvalidRegionError | sdk.UnknownRegionError):
        return CallError(f"{call.region} is no region of AWS", failure=Failure.CREDENTIALS)
    if isinstance(
        error,
        sdk.ConfigParseError | sdk.ConfigNotFound | sdk.InvalidConfigError
        | sdk.InvalidRetryConfigurationError | sdk.InvalidProxiesConfigError
        | sdk.InvalidEndpointConfigurationError,
    ):  # fmt: skip
        return CallError(
            f"the AWS configuration cannot be used: {_told(error)}",
            failure=Failure.CREDENTIALS,
            hint="look at ~/.aws/config, or the file that AWS_CONFIG_FILE names",
        )
    if isinstance(error, sdk.ParamValidationError | sdk.ValidationError):
        return CallError(f"{call.operation} does not take what it is given: {_told(error)}")
    return None


def _network(error: sdk.BotoCoreError, call: Call) -> CallError:
    where = _place(call)
    if isinstance(error, sdk.SSLError):
        return CallError(
            f"the certificate of {where} is not trusted",
            failure=Failure.UNREACHABLE,
            details=[_told(error)],
            hint="behind a company's proxy, name its certificates: AWS_CA_BUNDLE=/path/to/bundle.pem",
        )
    if isinstance(error, sdk.ConnectionError):
        return CallError(f"{where} cannot be reached", failure=Failure.UNREACHABLE, hint=_check(call))
    if isinstance(error, sdk.HTTPClientError | sdk.IncompleteReadError | sdk.ChecksumError):
        return CallError(
            f"the connection to {where} broke before there was an answer to {call.operation}",
            failure=Failure.UNCERTAIN,
            hint=_AGAIN,
        )
    return CallError(f"the AWS SDK cannot do {call.operation}: {_told(error)}")


def _place(call: Call) -> str:
    return redact(call.endpoint) if call.endpoint else f"AWS ({call.service} in {call.region})"


def _check(call: Call) -> str:
    if call.endpoint:
        return f"check endpoint-url (or --endpoint-url, AWS_ENDPOINT_URL), and the network; {_AGAIN}"
    return f"check the network, HTTPS_PROXY, and that {call.region} is the region you mean; {_AGAIN}"


def bad_endpoint(endpoint: str) -> CallError:
    """Say that an endpoint is no URL."""
    return CallError(
        f"{redact(endpoint)} is no endpoint",
        failure=Failure.CREDENTIALS,
        hint="it looks like http://localhost:4566",
    )


def no_region() -> CallError:
    """Say that nothing names a region."""
    return CallError(
        "nothing says which region is meant",
        failure=Failure.CREDENTIALS,
        hint='give --region, set regions = ["eu-west-1"] under [publish], or set AWS_REGION',
    )


def _told(error: Exception) -> str:
    return redact(" ".join(str(error).split()))
