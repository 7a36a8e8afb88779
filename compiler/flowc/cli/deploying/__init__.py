"""Commands about what is deployed: plan, deploy, undeploy, releases, and runs on a target."""
