"""What the SDK raises, in; one sentence with the next step, out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from layerforge.errors import EXIT_AWS
from layerforge.publish.aws_calls import Caller
from layerforge.publish.aws_errors import Call, bad_endpoint, no_region, translate
from layerforge.publish.client import CallError, Failure

CALL = Call(service="lambda", operation="PublishLayerVersion", region="eu-west-1", subject="shop-numpy")
LOCAL = replace(CALL, endpoint="http://me:hunter2@localhost:4566")
AGAIN = "run the same command again: what is done stays done"


def answered(code: str, message: str = "", status: int = 400) -> sdk.ClientError:
    return sdk.ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Op"
    )


def said(error: CallError) -> str:
    return "\n".join([error.headline, *error.details, *([f"hint: {error.hint}"] if error.hint else [])])


NOT_AUTHORIZED = (
    "User: arn:aws:sts::123456789012:assumed-role/ci/x is not authorized to perform: "
    "lambda:PublishLayerVersion on resource: arn:aws:lambda:eu-west-1:123456789012:layer:shop-numpy"
)


@pytest.mark.parametrize(
    ("error", "call", "failure", "expected"),
    [
        (
            answered("AccessDeniedException", f"{NOT_AUTHORIZED} because no policy allows it", 403),
            CALL,
            Failure.DENIED,
            (
                "lambda:PublishLayerVersion is not allowed to arn:aws:sts::123456789012:assumed-role/ci/x in "
                "eu-west-1 for shop-numpy\n"
                "hint: allow lambda:PublishLayerVersion in its policy; docs/how-to/publish.md has the whole "
                "policy"
            ),
        ),
        (
            answered("AccessDeniedException", f"{NOT_AUTHORIZED} with an explicit deny in an SCP", 403),
            CALL,
            Failure.DENIED,
            (
                "lambda:PublishLayerVersion is not allowed to arn:aws:sts::123456789012:assumed-role/ci/x in "
                f"eu-west-1 for shop-numpy\n{NOT_AUTHORIZED} with an explicit deny in an SCP\n"
                "hint: allow lambda:PublishLayerVersion in its policy; docs/how-to/publish.md has the whole "
                "policy"
            ),
        ),
        # S3 does not say what is missing.
        (
            answered("AccessDenied", "Access Denied", 403),
            Call(service="s3", operation="CreateMultipartUpload", region="eu-west-1", subject="s3://b/k"),
            Failure.DENIED,
            (
                "s3:PutObject is not allowed in eu-west-1 for s3://b/k\n"
                "hint: allow s3:PutObject in its policy; docs/how-to/publish.md has the whole policy"
            ),
        ),
        (
            answered("403", "Forbidden", 403),
            Call(service="s3", operation="HeadBucket", region="eu-west-1", subject="the bucket b"),
            Failure.DENIED,
            (
                "s3:ListBucket is not allowed in eu-west-1 for the bucket b\n"
                "hint: allow s3:ListBucket in its policy; docs/how-to/publish.md has the whole policy"
            ),
        ),
        (
            answered("ExpiredTokenException", "The security token included in the request is expired", 403),
            CALL,
            Failure.CREDENTIALS,
            (
                "the AWS credentials have expired\n"
                f"hint: renew them (`aws sso login`, or a new session token), then {AGAIN}"
            ),
        ),
        (
            answered("InvalidSignatureException", "Signature expired: 2026 is now earlier than 2027", 403),
            CALL,
            Failure.CREDENTIALS,
            (
                "the AWS credentials have expired\n"
                f"hint: renew them (`aws sso login`, or a new session token), then {AGAIN}"
            ),
        ),
        (
            answered("UnrecognizedClientException", "The security token included is invalid.", 403),
            CALL,
            Failure.CREDENTIALS,
            (
                "AWS does not know these credentials in eu-west-1 (UnrecognizedClientException)\n"
                "hint: log in (`aws sso login`, `aws configure`), name a profile with --profile, or set "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; a region that the account has not enabled "
                "answers "
                "like this too"
            ),
        ),
        (
            answered("SignatureDoesNotMatch", "The signature does not match", 403),
            CALL,
            Failure.CREDENTIALS,
            (
                "AWS does not accept the signature of the request (SignatureDoesNotMatch)\n"
                "hint: check the secret access key, and the clock of this machine"
            ),
        ),
        (
            answered("TooManyRequestsException", "Rate exceeded", 429),
            CALL,
            Failure.THROTTLED,
            (
                "AWS still says that there are too many requests in eu-west-1 (PublishLayerVersion, "
                f"TooManyRequestsException)\nhint: wait a little and use fewer --jobs; {AGAIN}"
            ),
        ),
        (
            answered("ResourceNotFoundException", "Function not found: x", 404),
            replace(CALL, subject="orders"),
            Failure.NOT_FOUND,
            "there is no such thing in eu-west-1 for orders: Function not found: x",
        ),
        (
            answered("ValidationError", "Stack with id shop does not exist"),
            replace(CALL, service="cloudformation", subject="the stack shop"),
            Failure.NOT_FOUND,
            "there is no such thing in eu-west-1 for the stack shop: Stack with id shop does not exist",
        ),
        (
            answered("PreconditionFailedException", "The Revision Id provided does not match", 412),
            replace(CALL, subject="orders"),
            Failure.CHANGED,
            (
                "orders was changed by someone else in between\n"
                "hint: run the same command again: it looks at what is there now"
            ),
        ),
        (
            answered("ResourceConflictException", "An update is in progress", 409),
            replace(CALL, operation="UpdateFunctionConfiguration", subject="orders"),
            Failure.CONFLICT,
            "AWS refuses UpdateFunctionConfiguration for orders in eu-west-1: An update is in progress",
        ),
        (
            answered("CodeStorageExceededException", "Code storage limit exceeded."),
            CALL,
            Failure.REFUSED,
            (
                "the account has no room left for code in eu-west-1\nCode storage limit exceeded.\n"
                "hint: `layerforge prune` shows what can go; AWS raises the quota on request"
            ),
        ),
        (
            answered("RequestEntityTooLargeException", "Request must be smaller than 69905067 bytes", 413),
            CALL,
            Failure.REFUSED,
            (
                "the request is too large for shop-numpy\nRequest must be smaller than 69905067 bytes\n"
                'hint: let it go through S3: bucket = "..." under [publish.s3]'
            ),
        ),
        (
            answered("ServiceException", "", 500),
            CALL,
            Failure.UNCERTAIN,
            (
                "AWS had an error of its own in eu-west-1 (PublishLayerVersion, ServiceException)\n"
                f"hint: {AGAIN}"
            ),
        ),
        (
            answered("InvalidParameterValueException", "Unzipped size must be smaller than 262144000 bytes"),
            CALL,
            Failure.REFUSED,
            (
                "AWS refuses PublishLayerVersion for shop-numpy in eu-west-1: Unzipped size must be "
                "smaller than "
                "262144000 bytes"
            ),
        ),
        (
            sdk.NoCredentialsError(),
            CALL,
            Failure.CREDENTIALS,
            (
                "there are no AWS credentials\n"
                "hint: log in (`aws sso login`, `aws configure`), name a profile with --profile, or set "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ),
        ),
        (
            sdk.ProfileNotFound(profile="prod"),
            CALL,
            Failure.CREDENTIALS,
            (
                "there is no profile prod in the AWS configuration\n"
                "hint: `aws configure list-profiles` shows them"
            ),
        ),
        (
            sdk.UnauthorizedSSOTokenError(),
            CALL,
            Failure.CREDENTIALS,
            (
                "the login to AWS has expired\n"
                f"hint: renew them (`aws sso login`, or a new session token), then {AGAIN}"
            ),
        ),
        (
            sdk.CredentialRetrievalError(provider="process", error_msg="it failed"),
            CALL,
            Failure.CREDENTIALS,
            (
                "the AWS credentials cannot be had: Error when retrieving credentials from process: it "
                "failed\n"
                "hint: log in (`aws sso login`, `aws configure`), name a profile with --profile, or set "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ),
        ),
        (
            sdk.NoRegionError(),
            CALL,
            Failure.CREDENTIALS,
            (
                "nothing says which region is meant\n"
                'hint: give --region, set regions = ["eu-west-1"] under [publish], or set AWS_REGION'
            ),
        ),
        (
            sdk.ConfigParseError(path="/home/me/.aws/config"),
            CALL,
            Failure.CREDENTIALS,
            (
                "the AWS configuration cannot be used: Unable to parse config file: /home/me/.aws/config\n"
                "hint: look at ~/.aws/config, or the file that AWS_CONFIG_FILE names"
            ),
        ),
        (
            sdk.EndpointConnectionError(endpoint_url="https://lambda.eu-west-1.amazonaws.com"),
            CALL,
            Failure.UNREACHABLE,
            (
                "AWS (lambda in eu-west-1) cannot be reached\n"
                f"hint: check the network, HTTPS_PROXY, and that eu-west-1 is the region you mean; {AGAIN}"
            ),
        ),
        (
            sdk.ConnectTimeoutError(endpoint_url="http://localhost:4566"),
            LOCAL,
            Failure.UNREACHABLE,
            (
                "http://****@localhost:4566 cannot be reached\n"
                f"hint: check endpoint-url (or --endpoint-url, AWS_ENDPOINT_URL), and the network; {AGAIN}"
            ),
        ),
        (
            sdk.SSLError(endpoint_url="https://x", error="self-signed certificate"),
            CALL,
            Failure.UNREACHABLE,
            (
                "the certificate of AWS (lambda in eu-west-1) is not trusted\n"
                "SSL validation failed for https://x self-signed certificate\n"
                "hint: behind a company's proxy, name its certificates: AWS_CA_BUNDLE=/path/to/bundle.pem"
            ),
        ),
        (
            sdk.ReadTimeoutError(endpoint_url="https://x"),
            CALL,
            Failure.UNCERTAIN,
            (
                "the connection to AWS (lambda in eu-west-1) broke before there was an answer to "
                f"PublishLayerVersion\nhint: {AGAIN}"
            ),
        ),
        (
            sdk.ConnectionClosedError(endpoint_url="https://x"),
            CALL,
            Failure.UNCERTAIN,
            (
                "the connection to AWS (lambda in eu-west-1) broke before there was an answer to "
                f"PublishLayerVersion\nhint: {AGAIN}"
            ),
        ),
        (
            ResponseParserError("not XML"),
            LOCAL,
            Failure.REFUSED,
            (
                "what answers at http://****@localhost:4566 is not AWS\n"
                f"hint: check endpoint-url (or --endpoint-url, AWS_ENDPOINT_URL), and the network; {AGAIN}"
            ),
        ),
        (
            sdk.ParamValidationError(report="Invalid length for parameter FunctionName"),
            replace(CALL, operation="GetFunctionConfiguration"),
            Failure.REFUSED,
            (
                "GetFunctionConfiguration does not take what it is given: Parameter validation failed: "
                "Invalid "
                "length for parameter FunctionName"
            ),
        ),
        (
            sdk.UnknownServiceError(service_name="x", known_service_names="y"),
            CALL,
            Failure.REFUSED,
            "the AWS SDK cannot do PublishLayerVersion: Unknown service: 'x'. Valid service names are: y",
        ),
    ],
)
def test_sentences(error: Exception, call: Call, failure: Failure, expected: str) -> None:
    translated = translate(error, call)
    assert (said(translated), translated.failure, translated.exit_code) == (expected, failure, EXIT_AWS)


def test_what_is_not_the_sdk_s_is_a_bug() -> None:
    with pytest.raises(KeyError):
        translate(KeyError("x"), CALL)


def test_without_an_answer() -> None:
    assert (
        said(bad_endpoint("localhost"))
        == "localhost is no endpoint\nhint: it looks like http://localhost:4566"
    )
    assert no_region().failure is Failure.CREDENTIALS


class Client:
    """An SDK client of one operation, which fails as told before it answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def get_alias(self, **parameters: Any) -> dict[str, Any]:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return parameters


def test_throttling_is_waited_for() -> None:
    client, waited = Client(*[answered("Throttling", status=400)] * 5), list[float]()
    caller = Caller(client=client, service="lambda", region="eu-west-1", sleep=waited.append)
    assert caller.call("GetAlias", Name="live") == {"Name": "live"}
    assert client.calls == 6
    assert [0.5 * 2**at <= seconds <= 2**at for at, seconds in enumerate(waited)] == [True] * 5


def test_throttling_without_end_is_told() -> None:
    client = Client(*[answered("Throttling", status=400)] * 6)
    caller = Caller(client=client, service="lambda", region="eu-west-1", sleep=lambda _: None)
    with pytest.raises(CallError, match="too many requests"):
        caller.call("GetAlias", Name="live")


def test_other_errors_are_not_waited_for() -> None:
    client = Client(answered("ServiceException", status=500))
    caller = Caller(client=client, service="lambda", region="eu-west-1", sleep=lambda _: None)
    with pytest.raises(CallError):
        caller.call("GetAlias", Name="live")
    assert client.calls == 1
