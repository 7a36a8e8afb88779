"""What can be deployed, and the connection to where; boto3 is imported when one is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.deploy.provider import DeployError, Permission

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.deploy.model import Address, Desired, Observed
    from flowc.target import Compilation
    from flowc_targets.step_functions.deploy.provider import AwsProvider


class AwsDeployer:
    """Deployments to Step Functions."""

    def desired(self, compilation: Compilation) -> tuple[Desired, ...]:
        """Return every object that the flow needs."""
        from flowc_targets.step_functions.deploy.class_objects import class_objects
        from flowc_targets.step_functions.deploy.objects import objects

        shared = class_objects(compilation).values()
        return (*(one for found in shared for one in found), *objects(compilation))

    def written(self, files: Mapping[str, str]) -> tuple[Observed, ...]:
        """Return the objects in files that were built."""
        from flowc_targets.step_functions.files import written

        return written(files)

    def permissions(self, compilation: Compilation) -> tuple[Permission, ...]:
        """Return what each role may do, and why."""
        from flowc_targets.step_functions.deploy.class_objects import class_roles
        from flowc_targets.step_functions.deploy.flow_roles import roles
        from flowc_targets.step_functions.deploy.needs import Needs

        return tuple(
            Permission(role.name, one.actions, one.resources, one.reason)
            for role in (*roles(Needs.of(compilation)).values(), *class_roles(compilation))
            for one in role.statements
        )

    def connect(self, address: Address) -> AwsProvider:
        """Return a connection with the credentials that boto3 finds."""
        try:
            import boto3
        except ImportError as error:
            raise DeployError(
                "deploying to AWS needs boto3", "`pip install 'flowc[aws]'`"
            ) from error
        from botocore.exceptions import BotoCoreError

        from flowc_targets._shared.names import object_name
        from flowc_targets.step_functions.compute import BASE_LENGTH
        from flowc_targets.step_functions.deploy.cloud import Cloud
        from flowc_targets.step_functions.deploy.provider import AwsProvider

        try:
            cloud = Cloud(boto3.session.Session(), address.stack.region)
        except BotoCoreError as error:
            raise DeployError(f"AWS cannot be used: {error}", "look at `AWS_PROFILE`") from error
        return AwsProvider(cloud, address, object_name(address.name, BASE_LENGTH))
