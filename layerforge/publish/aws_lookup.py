"""Stacks and tags through the SDK."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from layerforge.model.publishing import LiveName, Tag
from layerforge.publish.aws_calls import Caller

_FUNCTION = "AWS::Lambda::Function"
_STACK = "AWS::CloudFormation::Stack"


@dataclass(frozen=True, kw_only=True, slots=True)
class AwsLookup:
    """`LookupService` over two clients."""

    stacks: Caller
    tags: Caller

    def stack_functions(self, stack: str) -> tuple[LiveName, ...]:
        """ListStackResources, of the stack and of each nested one."""
        found: list[LiveName] = []
        waiting = [stack]
        while waiting:
            name = waiting.pop()
            resources = self.stacks.pages(
                "ListStackResources", "StackResourceSummaries", subject=f"the stack {name}", StackName=name
            )
            for resource in resources:
                physical = resource.get("PhysicalResourceId")
                if not physical or resource.get("ResourceStatus") == "DELETE_COMPLETE":
                    continue
                if resource["ResourceType"] == _FUNCTION:
                    found.append(LiveName(function=str(resource["LogicalResourceId"]), live=str(physical)))
                elif resource["ResourceType"] == _STACK:
                    waiting.append(str(physical))
        return tuple(found)

    def tagged_functions(self, tags: Sequence[Tag]) -> dict[str, dict[str, str]]:
        """GetResources of the tagging API."""
        resources = self.tags.pages(
            "GetResources",
            "ResourceTagMappingList",
            ResourceTypeFilters=["lambda:function"],
            TagFilters=[{"Key": tag.key, "Values": [tag.value]} for tag in tags],
        )
        return {
            str(resource["ResourceARN"]): {str(tag["Key"]): str(tag["Value"]) for tag in resource["Tags"]}
            for resource in resources
        }
