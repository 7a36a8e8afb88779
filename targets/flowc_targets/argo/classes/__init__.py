"""Component classes that come up beside a flow: their servers, and the balancer before them."""
