"""Component classes that come up beside a flow: ECS services, and how they are found."""
